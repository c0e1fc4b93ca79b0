"""`gatefold portal rotate_keys`: a new key for the secrets in the portal's database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from clusters.sealed_columns import rotate


class Command(BaseCommand):
    """Web and worker processes may go on meanwhile. See docs/portal.md."""

    help = "Seal the secrets in the database with a new key, and forget those before the last."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{rotate()} rows are sealed with a new key")
