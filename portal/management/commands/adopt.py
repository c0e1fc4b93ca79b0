"""`gatefold portal adopt`: let a tenant's portal follow a cluster; the passphrase comes on standard input."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from appliances.links.client import Passphrase
from appliances.links.errors import LinkError
from appliances.links.identity import fingerprint
from clusters.refusals import Refused
from clusters.visible import shown
from portal.guided.adoption import adopt
from portal.tenants import Tenant


class Command(BaseCommand):
    help = "Follow a cluster for a tenant. The admin's passphrase is read from standard input and not kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="short name of the tenant")
        parser.add_argument("--address", required=True, help="of any machine of the cluster")
        parser.add_argument("--port", type=int, default=22)
        parser.add_argument("--user", default="admin")
        parser.add_argument(
            "--passphrase-stdin", action="store_true", help="the only way; named for those who read scripts"
        )
        parser.add_argument("--fingerprint", required=True, help="SHA256:... of that machine's host key")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        passphrase = Passphrase(options["user"], sys.stdin.readline().rstrip("\n"))

        async def accept(public_key: str) -> bool:
            return fingerprint(public_key) == options["fingerprint"]

        try:
            cluster = adopt(tenant, None, options["address"], options["port"], passphrase, accept)
        except (LinkError, Refused) as error:
            raise CommandError(shown(str(error))) from None
        self.stdout.write(shown(f"{tenant} follows {cluster} at /{cluster.slug}/"))
