"""In what a machine's own settings in a file differ from those here: by these members reach it (LOAD-04)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from appliances.features.interfaceconfig import FEATURE as INTERFACECONFIG
from appliances.features.interfaceconfig import Interface
from appliances.features.sethostname import FEATURE as SETHOSTNAME
from appliances.features.wording import _, say
from clusters.catalogue import Document

Compare = Callable[[Document, Document], Sequence[str]]

_SERVICES = (("SSH", "ssh"), ("CCS", "ccs"))


def interfaces(here: Document, file: Document) -> list[str]:
    """In what the interfaces of a file differ from those here: names, addresses, SSH and CCS."""
    mine, theirs = ({i.name: i for i in INTERFACECONFIG.read(each).interfaces} for each in (here, file))
    found = [say(_("interface {name} is not in the file"), name=name) for name in mine if name not in theirs]
    for name, interface in theirs.items():
        if name in mine:
            found += _unlike(mine[name], interface)
        else:
            found.append(say(_("interface {name} is only in the file"), name=name))
    return found


def _unlike(mine: Interface, theirs: Interface) -> Iterator[str]:
    if mine.ip != theirs.ip:
        yield say(
            _("{name}: address {here} here, {file} in the file"), name=mine.name, here=mine.ip, file=theirs.ip
        )
    for word, field in _SERVICES:
        here, file = (
            str(service.port) if service.enabled else say(_("off"))
            for service in (getattr(mine, field), getattr(theirs, field))
        )
        if here != file:
            told = {"name": mine.name, "service": word, "here": here, "file": file}
            yield say(_("{name}: {service} port {here} here, {file} in the file"), **told)


def host_name(here: Document, file: Document) -> list[str]:
    """In what the host name of a file differs from the one here."""
    mine, theirs = (SETHOSTNAME.read(each).hostname for each in (here, file))
    if mine == theirs:
        return []
    return [say(_("host name {here} here, {file} in the file"), here=mine, file=theirs)]


COMPARED: Mapping[str, Compare] = {INTERFACECONFIG.name: interfaces, SETHOSTNAME.name: host_name}
