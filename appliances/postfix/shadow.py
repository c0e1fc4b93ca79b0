"""A generation tried out: the same settings in another Postfix, on spare ports, before mail sees them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from functools import partial

from appliances.postfix import processes
from appliances.postfix.canary import Conversation, NoAnswer, converse
from appliances.postfix.configuration import Configuration
from appliances.postfix.instance import Instance, InstanceError
from appliances.postfix.parts import NO_IPV6, Listener, Place, Service

TROUBLE = re.compile(r"\]: (?:\S+ )?(warning|error|fatal|panic): ")
HARMLESS = re.compile(
    # What says something of the name service, of the client, of the disk or of a kernel without IPv6, not of
    # the settings; and the notice to the postmaster of a complaint that stands in the log itself.
    r"warning: hostname \S+ does not resolve to address|warning: \S+: address not listed for hostname"
    r"|warning: not enough free space in mail queue"
    rf"|warning: \S+: {NO_IPV6}"
    r"|warning: \S+: undeliverable postmaster notification discarded"
)
SOCKET = re.compile(r"unix:(?:\$queue_directory/)?(private/[A-Za-z0-9_.-]+)")


class Trouble(Exception):
    """A trial found a fault; `lines` are Postfix's own words."""

    def __init__(self, reason: str, lines: Sequence[str] = ()) -> None:
        self.lines = tuple(lines)
        super().__init__(reason)


def troubles(lines: Sequence[str]) -> list[str]:
    """The lines that complain."""
    return [line for line in lines if TROUBLE.search(line) and not HARMLESS.search(line)]


def try_out(configuration: Configuration, place: Place, generation: int, timeout: float) -> None:
    """Run the generation beside the real one and talk to each listener; raises Trouble.

    `timeout` (seconds) bounds each conversation. Nothing of the trial is left.
    """
    shadow = Instance(place.shadow)
    end_trial(place)
    try:
        shadow.prepare()
        _lend_sockets(configuration, place)
        moved = _spare_ports(configuration.listeners)
        configuration.write(place.shadow.etc, place.shadow, generation=generation, moved=moved)
        _try(shadow, configuration, generation, moved, timeout)
    finally:
        end_trial(place)


def end_trial(place: Place) -> None:
    """Stop the trial instance, also one left by a killed program, and remove its home."""
    Instance(place.shadow).stop()
    shutil.rmtree(place.shadow.base, ignore_errors=True)


def sockets_of(configuration: Configuration) -> set[str]:
    """The sockets of our own services that the settings use, such as `private/gatefold`."""
    texts = list(configuration.parameters.values())
    services: tuple[Listener | Service, ...] = (*configuration.listeners, *configuration.services)
    for service in services:
        texts += service.options.values()
    return {found for text in texts for found in SOCKET.findall(text)}


def _lend_sockets(configuration: Configuration, place: Place) -> None:
    """The trial asks the services of the real instance."""
    for name in sorted(sockets_of(configuration)):
        real, lent = place.spool / name, place.shadow.spool / name
        if not real.is_socket():
            raise Trouble(f"the service at {name} does not run")
        os.symlink(real, lent)
        owner = real.stat()
        os.chown(lent, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _spare_ports(listeners: Sequence[Listener]) -> dict[str, int]:
    return {one.name: processes.free_port(one.address) for one in listeners}


def _try(
    shadow: Instance, configuration: Configuration, generation: int, moved: dict[str, int], timeout: float
) -> None:
    beginning = shadow.log_end()

    def complain() -> None:
        lines = troubles(shadow.log_since(beginning))
        if lines:
            raise Trouble("Postfix complains", lines)

    try:
        shadow.start()
    except InstanceError as error:
        raise Trouble(str(error), error.lines) from None
    for one in configuration.listeners:
        talk = _talk(one, moved[one.name], configuration.probes, timeout, complain)
        tag = f"gf{generation}/{one.name}/smtpd["
        shadow.await_line(beginning, partial(said_goodbye, tag, talk.local_port), timeout)
        if talk.complaint:
            raise Trouble(
                f"listener {one.name} answers {talk.complaint}", troubles(shadow.log_since(beginning))
            )
    complain()


def _talk(
    one: Listener, port: int, probes: Sequence[str], timeout: float, complain: Callable[[], None]
) -> Conversation:
    try:
        return converse(
            one.address, port, wrapped=one.wrapped, recipients=probes, timeout=timeout, meanwhile=complain
        )
    except NoAnswer as error:
        complain()
        raise Trouble(f"listener {one.name} gives no answer: {error}") from None


def said_goodbye(tag: str, local_port: int, line: str) -> bool:
    """Whether the log line says that the daemon `tag` has ended the conversation with this port."""
    return tag in line and "disconnect from" in line and f"]:{local_port} " in f"{line} "
