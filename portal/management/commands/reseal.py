"""`manage.py reseal`: seals every secret anew under the first key."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from portal import sealing
from portal.alerts.routing import Channel


class Command(BaseCommand):
    help = "Seal all secrets anew under the first key; afterwards the older keys can be removed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--new-key", action="store_true", help="make a new first key before")

    @transaction.atomic
    def handle(self, *args: Any, new_key: bool, **options: Any) -> None:
        if new_key:
            sealing.add_key()
        try:
            count = 0
            for channel in Channel.everything.select_for_update():
                Channel.everything.filter(pk=channel.pk).update(sealed=sealing.resealed(channel.sealed))
                count += 1
        except sealing.Unsealable as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Sealed {count} secrets anew.")
