"""`gatefold portal verify_audit`: does each row of the audit log follow the one before?"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal.audit.head import UnreadableHead, read
from portal.audit.log import AuditRow, verify


class Command(BaseCommand):
    help = "Walk the audit log and name the first row that was changed, inserted, moved or taken out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--head",
            type=Path,
            default=Path(settings.GATEFOLD_AUDIT_HEAD),
            help="file with number and hash of a row that must be there; best a copy kept on another host",
        )

    def handle(self, *args: Any, head: Path, **options: Any) -> None:
        try:
            kept = read(head)
        except UnreadableHead as error:
            raise CommandError(str(error)) from None
        broken = verify(kept)
        if broken is not None:
            raise CommandError(f"row {broken.number}: {broken.reason}")
        until = f", and row {kept.number} is the one that {head} names" if kept else f"; {head} is missing"
        self.stdout.write(f"{AuditRow.objects.count()} rows, each follows the one before{until}")
