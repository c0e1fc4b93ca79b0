"""`upgrade` and `revert`: other releases of this program on the machine of the login (UPG).

A portal that follows the cluster may ask for them too, in the name of an administrator (UPG-09).
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from appliances.cli.dialogue import choose, confirm, say_json
from appliances.cli.errors import CommandError, UsageError
from appliances.cli.registry import ANY, Command, Place
from appliances.cli.session import Right, Session
from appliances.machine.upgrading import Run
from appliances.releases.artifact import Offer, ReleaseError, number

USAGE = """\
upgrade                               choose a release and what to do with it
upgrade list [--json]                 what can be had, and what is installed
upgrade check [--json]                is the machine ready: name, DNS, room on the disk
upgrade download RELEASE [--wait]     in the background; mail and cluster go on
upgrade install RELEASE [--yes]       install it and restart with it
upgrade guided RELEASE [--yes]        disconnect, drain, upgrade, restart, resume, reconnect in one run
upgrade status [--json]               how far a download or a guided run is"""

ROOM = 500_000_000
"""Bytes on the disk for a release, its packages and a copy of the database."""
RESOLVING = 5.0
"""Seconds for the look-up of the machine's own name."""


def _upgrade(session: Session, words: list[str]) -> None:
    agreed = "--yes" in words
    match [word for word in words if word != "--yes"]:
        case [] if session.right is Right.ADMINISTER:
            _choose(session)
        case ["list"]:
            _list(session)
        case ["status"]:
            _status(session)
        case ["check"]:
            _check(session)
        case _ if session.right < Right.ADMINISTER:
            raise CommandError(_("Only an administrator upgrades machines."))
        case ["download", release, *rest] if rest in ([], ["--wait"]):
            _download(session, release, wait=bool(rest))
        case ["install", release]:
            _install(session, release, agreed=agreed)
        case ["guided", release]:
            _guided(session, release, agreed=agreed)
        case _:
            raise UsageError(_("Say what to do with which release; see `help upgrade`."))


def _choose(session: Session) -> None:
    if not session.dialogue.interactive:
        raise UsageError(_("Say what to do with which release; see `help upgrade`."))
    offers = session.host.upgrading.source.offers()
    if not offers:
        raise _nothing(session)
    session.dialogue.say(_("This machine runs release {release}.").format(release=session.host.release))
    picked = choose(session.dialogue, [_line(o) for o in offers], question=_("Which release?"))
    if not picked:
        return
    release = offers[picked - 1].release
    ways: list[tuple[str, Callable[[], None]]] = [
        (_("Download it now, install it later."), lambda: _download(session, release, wait=False)),
        (_("Install it and restart."), lambda: _install(session, release, agreed=False)),
        (
            _("All steps in one run: disconnect, drain, upgrade, restart, resume, reconnect."),
            lambda: _guided(session, release, agreed=False),
        ),
    ]
    way = choose(session.dialogue, [text for text, _run in ways])
    if way:
        ways[way - 1][1]()


def _nothing(session: Session) -> CommandError:
    place = session.host.upgrading.source.place
    return CommandError(_("There are no releases at {place}.").format(place=place))


def _line(offer: Offer) -> str:
    size = f"{offer.size / 1_000_000:.1f} MB"
    return f"{offer.release}  {size}  {offer.notes}".rstrip()


def _list(session: Session) -> None:
    upgrading = session.host.upgrading
    offers = upgrading.source.offers()
    installed = upgrading.shelf.installed()
    state = upgrading.shelf.state
    if session.as_json:
        value = {"release": session.host.release, "previous": state.previous, "installed": installed}
        return say_json(session.dialogue, {**value, "offers": [asdict(offer) for offer in offers]})
    say = session.dialogue.say
    say(_("This machine runs release {release}.").format(release=session.host.release))
    say(_("Installed beside it: {names}").format(names=", ".join(installed) or "-"))
    if not offers:
        say(str(_nothing(session)))
    for offer in offers:
        say(_line(offer))
    return None


def _check(session: Session) -> None:
    """What stands in the way of an upgrade here (UPG-10), and what can be had."""
    upgrading = session.host.upgrading
    problems, offers = _name_problems(session), []
    try:
        offers = [offer.release for offer in upgrading.source.offers()]
    except ReleaseError as error:
        problems.append(str(error))
    free = shutil.disk_usage(upgrading.shelf.nearest_folder()).free
    if free < ROOM:
        problems.append(_("Only {megabytes} MB are free on the disk.").format(megabytes=free // 1_000_000))
    if session.as_json:
        own = session.state.machines.get(session.host.serial)
        value = {
            "release": session.host.release,
            "previous": upgrading.shelf.state.previous,
            "disconnected": own is not None and own.disconnected,
        }
        return say_json(session.dialogue, {**value, "offers": offers, "problems": problems, "free": free})
    for problem in problems:
        session.dialogue.say(problem)
    if not problems:
        session.dialogue.say(_("Nothing stands in the way of an upgrade."))
    return None


def _status(session: Session) -> None:
    upgrading = session.host.upgrading
    download, run = upgrading.download, upgrading.run
    failed = upgrading.shelf.state.failed
    if session.as_json:
        value = {
            "release": session.host.release,
            "download": asdict(download) if download else None,
            "run": asdict(run) if run else None,
            "failed": failed,
        }
        return say_json(session.dialogue, value)
    say = session.dialogue.say
    say(_("This machine runs release {release}.").format(release=session.host.release))
    if download:
        say(
            _("Download of {release}: {percent} %").format(
                release=download.release, percent=100 * download.received // download.size
            )
        )
        if download.failed:
            say(download.failed)
    if run:
        _say_run(session, run)
    if failed:
        say(_("A release was left again: {reason}").format(reason=failed))
    return None


def _say_run(session: Session, run: Run) -> None:
    said = _("Guided upgrade to {release}: {step}").format(release=run.release, step=run.step)
    session.dialogue.say(said)
    for text in (run.note, run.failed):
        if text:
            session.dialogue.say(text)


def _download(session: Session, release: str, *, wait: bool) -> None:
    session.host.fetch(release, wait=wait)
    if wait:
        session.dialogue.say(_("Release {release} is here.").format(release=release))
    else:
        session.dialogue.say(_("Downloading in the background; see `upgrade status`."))


def _install(session: Session, release: str, *, agreed: bool) -> None:
    upgrading = session.host.upgrading
    offer = upgrading.offer(release)
    _require_other(session, release)
    leaving = _consent(session, release, agreed=agreed)
    session.dialogue.say(_("Installing release {release}...").format(release=release))
    session.host.fetch(release, wait=True)
    upgrading.shelf.install(offer)
    session.host.restart_with(release, leaving, session.user)
    session.dialogue.say(
        _("Restarting with release {release}; log in again in a moment.").format(release=release)
    )


def _require_other(session: Session, release: str) -> None:
    if number(release) == number(session.host.release):
        raise CommandError(_("This machine runs release {release} already.").format(release=release))


def _consent(session: Session, release: str, *, agreed: bool) -> list[str]:
    """The members to disconnect first; raises CommandError for a person who does not want that (UPG-03)."""
    _warn_of_name(session)
    members = session.state.machines
    own = members.get(session.host.serial)
    leaving = []
    if own is not None and not own.disconnected and len(members) > 1:
        session.dialogue.warn(
            _("This machine is connected: this disconnects all {count} machines of the cluster.").format(
                count=len(members)
            )
        )
        session.dialogue.warn(
            _("`clusterconfig disconnect {name}` before leaves the others connected.").format(name=own.name)
        )
        leaving = [member.serial for member in members.values() if not member.disconnected]
    question = _("Mail pauses while this machine restarts with release {release}. Go on?").format(
        release=release
    )
    if not agreed and not session.dialogue.interactive:
        raise UsageError(_("Add --yes, or use a terminal (ssh -t)."))
    if not agreed and not confirm(session.dialogue, question, default=not leaving):
        raise CommandError(_("Nothing was changed."))
    return leaving


def _warn_of_name(session: Session) -> None:
    for problem in _name_problems(session):
        session.dialogue.warn(problem)


def _name_problems(session: Session) -> list[str]:
    """A changed name belongs into sethostname and DNS before the upgrade (UPG-10, COM-15)."""
    member = session.state.machines.get(session.host.serial)
    if member is None or session.state.by_address:
        return []
    name = session.host.name
    found = []
    if member.name != name:
        found.append(
            _("The cluster knows this machine as {known}, sethostname says {name}.").format(
                known=member.name, name=name
            )
        )
    with ThreadPoolExecutor(1) as threads:
        try:
            threads.submit(socket.getaddrinfo, name, None).result(RESOLVING)
        except (OSError, TimeoutError):
            found.append(_("DNS does not know {name}: mend that before the upgrade.").format(name=name))
    return found


def _guided(session: Session, release: str, *, agreed: bool) -> None:
    session.host.upgrading.offer(release)
    _require_other(session, release)
    _warn_of_name(session)
    if not agreed:
        if not session.dialogue.interactive:
            raise UsageError(_("Add --yes, or use a terminal (ssh -t)."))
        question = _("This machine takes no mail until it has restarted with release {release}. Go on?")
        if not confirm(session.dialogue, question.format(release=release), default=True):
            raise CommandError(_("Nothing was changed."))
    session.host.guide(release, session.user)
    session.dialogue.say(_("Under way; see `upgrade status`. It goes on if you log out."))


def _revert(session: Session, words: list[str]) -> None:
    shelf = session.host.upgrading.shelf
    previous = shelf.state.previous
    if previous is None:
        raise CommandError(_("There is no release before this one on this machine."))
    named = previous or _("of the set-up")
    leaving = _consent(session, named, agreed="--yes" in words)
    session.host.restart_with(previous, leaving, session.user)
    session.dialogue.say(
        _("Restarting with release {release}; log in again in a moment.").format(release=named)
    )


COMMANDS = [
    Command(
        "upgrade",
        _upgrade,
        gettext_noop("other releases of this program: see, download, install"),
        USAGE,
        Place.LOGIN_HOST,
        Right.READ,
        from_portal=ANY,
        completions=("list", "check", "download", "install", "guided", "status"),
    ),
    Command(
        "revert",
        _revert,
        gettext_noop("back to the release that ran before"),
        "revert [--yes]",
        Place.LOGIN_HOST,
        Right.ADMINISTER,
        from_portal=ANY,
    ),
]
