"""The first settings of a machine: it begins standalone, a cluster of one without a name.

What can be clustered stands at the cluster's mode, what cannot at the machine's own, so that creating a
cluster moves nothing (CR-03).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from appliances.features.userconfig import initial_users
from clusters import installed, replicas
from clusters.addressing import check_serial
from clusters.catalogue import Document, Scope
from clusters.modes import CLUSTER, Mode, machine
from clusters.versions import Change, settings_at

MANAGEMENT = "Management"
"""The name of the first interface; listeners refer to it."""


class BadBeginning(ValueError):
    """First settings that cannot be; the message says which."""


@dataclass(frozen=True)
class Beginning:
    """What `machine init` was told. `ccs_port` None leaves CCS off (T6).

    `settings` are further documents by feature; they may replace the interface and the name made here.
    """

    serial: str
    hostname: str
    address: str
    ssh_port: int = 22
    ccs_port: int | None = None
    passphrase_hash: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


def checked(told: Beginning) -> dict[str, Document]:
    """All first documents by feature in their normal form.

    Raises BadBeginning, BadName, UnknownFeature and InvalidDocument.
    """
    check_serial(told.serial)
    if not isinstance(told.settings, Mapping):
        raise BadBeginning("the settings are one JSON object: a document for each feature name")
    raw = {
        "interfaceconfig": {"interfaces": [_interface(told)]},
        "sethostname": {"hostname": told.hostname},
        "userconfig": initial_users(told.passphrase_hash),
        **told.settings,
    }
    catalogue = installed.catalogue()
    return {name: catalogue[name].check(document) for name, document in raw.items()}


def make_replica(serial: str, documents: Mapping[str, Document]) -> int:
    """A new standalone replica with these settings as its first commit; returns its row's id."""
    row = replicas.new_replica(serial)
    changes = [
        Change(settings_at(_first_mode(name, serial), name), document) for name, document in documents.items()
    ]
    host = documents["sethostname"]["hostname"]
    replicas.commit(row.pk, changes, user="admin", host=host, comment="First settings of this machine")
    return row.pk


def _interface(told: Beginning) -> dict[str, Any]:
    ccs = {"ccs": {"enabled": True, "port": told.ccs_port}} if told.ccs_port else {}
    return {
        "name": MANAGEMENT,
        "ip": told.address,
        "hostname": told.hostname,
        "ssh": {"enabled": True, "port": told.ssh_port},
        **ccs,
    }


def _first_mode(name: str, serial: str) -> Mode:
    local = installed.catalogue()[name].scope is Scope.MACHINE
    return machine(serial) if local else CLUSTER
