"""`gatefold release build|show`: packs this tree as a release of the program; says which one this is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from appliances.machine.release import release
from appliances.releases.artifact import ReleaseError, build
from appliances.releases.program import TREE


class Command(BaseCommand):
    """See docs/upgrades.md."""

    help = "Pack this tree as a release for machines to upgrade to (build), or say its number (show)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        packing = verbs.add_parser("build", help="make the file of a release, and list it in index.json")
        packing.add_argument("--to", required=True, type=Path, metavar="DIR", help="folder of releases")
        packing.add_argument("--number", help="number of the release (that of this tree)")
        packing.add_argument("--notes", default="", help="what is new, in a line")
        verbs.add_parser("show", help="the number of this release, if all of it can be loaded")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "show":
            self._show()
            return
        try:
            offer = build(TREE, options["number"] or release(), options["to"], options["notes"])
        except (ReleaseError, OSError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{options['to'] / offer.file}: {offer.size} bytes, sha256 {offer.sha256}")

    def _show(self) -> None:
        """The trial of an installed release: everything is imported once."""
        from appliances.cli import process, registry  # the whole program, which `build` can do without

        if not (process.COMMAND_LINE and registry.commands()):
            raise CommandError("this release has no commands")
        self.stdout.write(release())
