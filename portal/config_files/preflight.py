"""What should be true before a file is loaded into a cluster (LOAD-04)."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from appliances.features.interfaceconfig import FEATURE as INTERFACECONFIG
from appliances.features.matching import interfaces
from appliances.machine.release import release
from clusters.config_files.loading import Assignment
from clusters.config_files.reading import ConfigFile
from clusters.modes import machine
from clusters.state import ClusterState
from portal.guided.checklist import Check, Verdict, holds


def of_file(state: ClusterState, file: ConfigFile) -> list[Check]:
    """What can be said before anything is mapped."""
    return [
        holds(
            _("Complete and valid"), True, _("Read whole; each section is known and its settings are valid.")
        ),
        holds(_("File of a cluster"), file.kind == "cluster", file.name),
        _release(file),
        _machines(state, file),
        Check(
            _("Backup"), Verdict.OK, _("The present configuration is kept as a version before this loads.")
        ),
    ]


def _release(file: ConfigFile) -> Check:
    return holds(
        _("Release"),
        file.release in ("", release()),
        _("The file is of release %(theirs)s, here is %(ours)s.")
        % {"theirs": file.release or "–", "ours": release()},
        _("Look closer at the review: a setting may have another meaning."),
        otherwise=Verdict.WARN,
    )


def _machines(state: ClusterState, file: ConfigFile) -> Check:
    text = _("%(file)d appliances in the file, %(here)d machines here.") % {
        "file": len(file.machines),
        "here": len(state.machines),
    }
    remedy = _("Let the missing machines join first; they may all be in one group.")
    fine = len(state.machines) >= len(file.machines)
    return holds(_("Cluster is formed"), fine, text, remedy, otherwise=Verdict.WARN)


def of_mapping(state: ClusterState, file: ConfigFile, wanted: Assignment) -> Iterator[Check]:
    """Whether each machine's interfaces and their SSH and CCS are those of its appliance in the file."""
    known = {each.serial: each for each in file.machines}
    for here, there in wanted.machines.items():
        member, told = state.machines.get(here), known.get(there)
        own = state.defined(machine(here), INTERFACECONFIG.name)
        if member is None or told is None or own is None or INTERFACECONFIG.name not in told.settings:
            continue
        unlike = interfaces(own.value, told.settings[INTERFACECONFIG.name])
        same = _("compared with %(name)s of the file: names, addresses, SSH and CCS") % {"name": told.name}
        yield holds(
            _("Interfaces of %(name)s") % {"name": member.name},
            not unlike,
            "; ".join(unlike) or same,
            _("The members may lose %(name)s. Correct its IP interfaces before you commit.")
            % {"name": member.name},
            otherwise=Verdict.WARN,
        )
