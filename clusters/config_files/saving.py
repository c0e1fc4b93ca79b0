"""What a replica holds as a configuration file: the whole cluster, or one machine flattened (LOAD-03)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _
from lxml import etree

from clusters.catalogue import Catalogue, Document
from clusters.config_files import values
from clusters.config_files.errors import TooLong
from clusters.config_files.sealing import Sealing
from clusters.effective import effective
from clusters.modes import CLUSTER, group, machine
from clusters.state import ClusterState
from clusters.visible import in_xml

FORMAT = "1"
MOST = 128 * 1024 * 1024
"""Bytes that a file may have. What is saved can be loaded, by every way: all of them know this limit."""


def megabytes(count: int) -> int:
    """Bytes as people say them, rounded up."""
    return -(-count // (1024 * 1024))


def save_cluster(
    state: ClusterState,
    catalogue: Catalogue,
    *,
    sealing: Sealing | None = None,
    release: str = "",
    at: datetime | None = None,
) -> str:
    """Every mode with its own settings. Secrets are masked, or encrypted with `sealing`.

    The same state gives the same text, but for the line of the moment `at` (None leaves it out).
    """
    root = _root("cluster", sealing, release)
    cluster = etree.SubElement(root, "cluster", name=state.name)
    _settings(cluster, state.settings.get(CLUSTER, {}), catalogue, sealing)
    for ident, found in state.groups.items():
        element = etree.SubElement(root, "group", id=ident, name=found.name)
        _settings(element, state.settings.get(group(ident), {}), catalogue, sealing)
    for serial, member in state.machines.items():
        element = etree.SubElement(root, "machine", serial=serial, name=member.name, group=member.group)
        _settings(element, state.settings.get(machine(serial), {}), catalogue, sealing)
    return written(root, at)


def save_machine(
    state: ClusterState,
    serial: str,
    catalogue: Catalogue,
    *,
    sealing: Sealing | None = None,
    release: str = "",
    at: datetime | None = None,
) -> str:
    """All that holds on one machine, wherever it is defined; its membership is not touched (LOAD-03).

    A feature that nothing defines, and that has to be defined, is left out: the file loads again.
    """
    root = _root("machine", sealing, release)
    name = state.machines[serial].name if serial in state.machines else ""
    element = etree.SubElement(root, "machine", serial=serial, name=name)
    settings = effective(state, machine(serial), catalogue).settings
    held = {n: s.value for n, s in settings.items() if s.story or not catalogue.needs_definition(n)}
    _documents(element, held, catalogue, sealing)
    return written(root, at)


def _root(kind: str, sealing: Sealing | None, release: str) -> Any:
    root = etree.Element("config", format=FORMAT, kind=kind, release=release)
    if sealing is not None:
        root.set("salt", base64.b64encode(sealing.salt).decode())
    return root


def _settings(
    element: Any, settings: Mapping[str, Any], catalogue: Catalogue, sealing: Sealing | None
) -> None:
    _documents(element, {name: defined.value for name, defined in settings.items()}, catalogue, sealing)


def _documents(
    element: Any, documents: Mapping[str, Document], catalogue: Catalogue, sealing: Sealing | None
) -> None:
    for name in sorted(documents):
        if name in catalogue:
            made = etree.SubElement(element, name)
            seal = sealing.seal if sealing else None
            values.write(made, documents[name], catalogue[name].secrets, seal)


def written(root: Any, at: datetime | None) -> str:
    """The file as text, with the moment as a comment. Raises TooLong for one that could not be loaded."""
    etree.indent(root)
    body = in_xml(etree.tostring(root, encoding="unicode"))
    if (size := len(body.encode())) > MOST - 1024:
        text = _("This configuration makes a file of %(size)d MB; a file has at most %(most)d MB.")
        raise TooLong(text % {"size": megabytes(size), "most": megabytes(MOST)})
    moment = f"<!-- saved {at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} -->\n" if at else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{moment}{body}\n'
