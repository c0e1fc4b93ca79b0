"""A configuration file read and checked as a whole; nothing that it names is fetched (LOAD-09, LOAD-11)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from lxml import etree

from clusters.catalogue import Catalogue, Document, InvalidDocument, WrongLevel
from clusters.config_files import values
from clusters.config_files.errors import BadFile
from clusters.config_files.saving import FORMAT, MOST, megabytes
from clusters.config_files.sealing import Sealing
from clusters.config_files.xml_words import in_words
from clusters.modes import CLUSTER, Mode, group, machine

_DOCTYPE = re.compile(rb"<!DOCTYPE", re.IGNORECASE)

_DOCUMENT_TYPE = gettext_noop("a document type is not taken: nothing outside the file is read")

Documents = dict[str, Document]


@dataclass(frozen=True)
class FileGroup:
    """A group of the file and its settings."""

    id: str
    name: str
    settings: Documents


@dataclass(frozen=True)
class FileMachine:
    """An appliance of the file: its serial number and name, its group there, its settings."""

    serial: str
    name: str
    group: str
    settings: Documents


@dataclass(frozen=True)
class ConfigFile:
    """What a file says. `kind` is `cluster` or `machine`; a machine's file has one flattened machine."""

    kind: str
    name: str = ""
    release: str = ""
    cluster: Documents = field(default_factory=dict)
    groups: tuple[FileGroup, ...] = ()
    machines: tuple[FileMachine, ...] = ()


def read(text: str, catalogue: Catalogue, passphrase: str = "") -> ConfigFile:
    """The file, whole and valid. Raises BadFile with the line, MaskedSecret, WrongPassphrase.

    `passphrase` opens encrypted secrets.
    """
    root = parsed(text)
    if root.tag != "config" or root.get("format") != FORMAT or root.get("kind") not in ("cluster", "machine"):
        raise BadFile(root.sourceline or 1, _("this is no configuration file of this program"))
    return _Reader(catalogue, sealing_of(root, passphrase)).file(root)


def parsed(text: str) -> Any:
    """The root element; raises BadFile for what is no XML, too long, or points outside (LOAD-11)."""
    raw = text.removeprefix("\ufeff").encode("utf-8", "replace")
    if len(raw) > MOST:
        raise BadFile(0, _("it has more than %(count)d MB") % {"count": megabytes(MOST)})
    # Looked for beforehand: the library complains of what such a type declares, in words of its own.
    if found := _DOCTYPE.search(raw[: raw.find(b"<config") + 1 or None]):
        line = raw.count(b"\n", 0, found.start()) + 1
        raise BadFile(line, _(_DOCUMENT_TYPE))
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        # What the file says of its own encoding is over: it has been decoded to get here.
        encoding="utf-8",
    )
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        raise BadFile(error.lineno or 0, in_words(error)) from None
    if root.getroottree().docinfo.doctype:
        raise BadFile(1, _(_DOCUMENT_TYPE))
    return root


def sealing_of(root: Any, passphrase: str) -> Sealing | None:
    """What opens the secrets of that file; None without a passphrase, or where none was used."""
    salt = root.get("salt")
    if not salt or not passphrase:
        return None
    try:
        return Sealing.of(passphrase, base64.b64decode(salt, validate=True))
    except binascii.Error:
        raise BadFile(root.sourceline or 1, _("the salt is no base64")) from None


class _Reader:
    def __init__(self, catalogue: Catalogue, sealing: Sealing | None) -> None:
        self._catalogue = catalogue
        self._unseal = sealing.unseal if sealing else None
        self._seen: set[tuple[str, str]] = set()

    def file(self, root: Any) -> ConfigFile:
        name, cluster = "", {}
        groups: list[FileGroup] = []
        machines: list[FileMachine] = []
        flattened = root.get("kind") == "machine"
        for element in root:
            if element.tag == "cluster" and not flattened:
                self._once(element, "")
                name, cluster = element.get("name", ""), self._settings(element, CLUSTER)
            elif element.tag == "group" and not flattened:
                ident = self._once(element, self._needed(element, "id"))
                settings = self._settings(element, group(ident))
                groups.append(FileGroup(ident, element.get("name", ident), settings))
            elif element.tag == "machine" and (not flattened or not machines):
                serial = self._once(element, self._needed(element, "serial"))
                settings = self._settings(element, None if flattened else machine(serial))
                machines.append(
                    FileMachine(serial, element.get("name", serial), element.get("group", ""), settings)
                )
            else:
                raise BadFile(
                    element.sourceline, _('section "%(tag)s" is not known here') % {"tag": element.tag}
                )
        told = (root.get("kind"), name, root.get("release", ""))
        return ConfigFile(*told, cluster, tuple(groups), tuple(machines))

    def _needed(self, element: Any, name: str) -> str:
        if not element.get(name):
            text = _('"%(tag)s" needs "%(name)s"') % {"tag": element.tag, "name": name}
            raise BadFile(element.sourceline, text)
        return str(element.get(name))

    def _once(self, element: Any, ident: str) -> str:
        """LOAD-09: unique."""
        if (element.tag, ident) in self._seen:
            text = _('"%(tag)s" %(ident)s is there twice') % {"tag": element.tag, "ident": ident}
            raise BadFile(element.sourceline, text)
        self._seen.add((element.tag, ident))
        return ident

    def _settings(self, element: Any, mode: Mode | None) -> Documents:
        found: Documents = {}
        for section in element:
            name = section.tag
            if name not in self._catalogue:
                raise BadFile(section.sourceline, _('section "%(tag)s" is not known here') % {"tag": name})
            if name in found:
                raise BadFile(
                    section.sourceline, _("the settings of %(name)s are there twice") % {"name": name}
                )
            found[name] = self._checked(section, name, mode)
        return found

    def _checked(self, section: Any, name: str, mode: Mode | None) -> Document:
        document = values.read(section, self._unseal)
        try:
            if mode is not None:
                return self._catalogue.check(name, mode, document)
            return self._catalogue[name].check(document)
        except (InvalidDocument, WrongLevel) as error:
            raise BadFile(section.sourceline, str(error).rstrip(".")) from None
