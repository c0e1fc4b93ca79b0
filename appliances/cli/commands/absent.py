"""Commands of the original that a Debian gateway cannot have: one honest line each (RES-02)."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli.errors import CommandError
from appliances.cli.registry import Command, Place
from appliances.cli.session import Right, Session

_NO_SCANNER = gettext_noop(
    "This gateway has no scanner of its own for spam or viruses; a milter of Debian's packages can do that."
)
_NO_REPUTATION = gettext_noop("There is no reputation service; `dnslisttest` asks a block list.")
_NO_OUTBREAK = gettext_noop("There are no outbreak filters on this gateway.")
_NO_LDAP = gettext_noop("There are no LDAP settings yet, hence nothing to test or to forget.")
_HOST_NETWORK = gettext_noop(
    "The network of this machine belongs to Debian: see `ip address` and /etc/network on the host."
)
_HOST_CLOCK = gettext_noop("The clock of this machine belongs to Debian: its time service keeps it.")
_HOST_POWER = gettext_noop(
    "This program does not own the machine: reboot or shut it down on the host. `suspend` stops mail before."
)

ABSENT: dict[str, tuple[Place, str]] = {
    "antispamstatus": (Place.MACHINE, _NO_SCANNER),
    "antispamupdate": (Place.MACHINE, _NO_SCANNER),
    "antivirusstatus": (Place.MACHINE, _NO_SCANNER),
    "antivirusupdate": (Place.MACHINE, _NO_SCANNER),
    "etherconfig": (Place.MACHINE, _HOST_NETWORK),
    "featurekey": (Place.MACHINE, gettext_noop("All features are free: there are no feature keys.")),
    "ldapflush": (Place.MACHINE, _NO_LDAP),
    "ldaptest": (Place.MACHINE, _NO_LDAP),
    "quarantineconfig": (
        Place.MACHINE,
        gettext_noop("There are no quarantines; Postfix's hold queue keeps mail: see `workqueue`."),
    ),
    "reboot": (Place.MACHINE, _HOST_POWER),
    "routeconfig": (Place.MACHINE, _HOST_NETWORK),
    "sbstatus": (Place.MACHINE, _NO_REPUTATION),
    "setgateway": (Place.MACHINE, _HOST_NETWORK),
    "settime": (Place.MACHINE, _HOST_CLOCK),
    "shutdown": (Place.MACHINE, _HOST_POWER),
    "vofflush": (Place.MACHINE, _NO_OUTBREAK),
    "vofstatus": (Place.MACHINE, _NO_OUTBREAK),
    "sshconfig": (
        Place.CLUSTER,
        gettext_noop("SSH keys belong to their users: `userconfig set NAME authorised_keys=...`."),
    ),
    "supportrequest": (
        Place.LOGIN_HOST,
        gettext_noop("Nobody is called from here; `techsupport` writes what a support needs."),
    ),
}
"""Where the command would run, and the line."""


def _says(line: str) -> Callable[[Session, list[str]], None]:
    def run(session: Session, words: list[str]) -> None:
        raise CommandError(_(line))

    return run


COMMANDS = [
    Command(
        name,
        _says(line),
        gettext_noop("not on this gateway: says why"),
        name,
        place,
        Right.READ,
        remote=place is Place.MACHINE,
    )
    for name, (place, line) in ABSENT.items()
]
