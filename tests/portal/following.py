"""A portal on real parts that follows real machines: who is there, how it adopts, what it has heard."""

from __future__ import annotations

from tests.appliances.machine.machines import PASSPHRASE, SSH_PORT, Machine
from tests.portal.installation import Installation

PEOPLE = """
from django.contrib.auth.models import User
from portal.tenants import *
for slug, name in (("acme", "alice"), ("umbra", "charlie")):
    tenant = Tenant.objects.create(name=slug.title(), slug=slug)
    user = User.objects.create_user(name, password="correct horse battery")
    Member.objects.create(tenant=tenant, user=user, role="administrator")
"""


def adopt(
    portal: Installation,
    machine: Machine,
    *,
    tenant: str = "acme",
    fingerprint: str = "",
    passphrase: str = PASSPHRASE,
) -> str:
    done = portal.manage(
        "adopt", "--tenant", tenant, "--address", machine.address, "--port", str(SSH_PORT),
        "--fingerprint", fingerprint or machine.fingerprint, stdin=f"{passphrase}\n",
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else done.stderr


def rows(portal: Installation) -> dict[str, dict[str, str]]:
    found = portal.rows("SELECT name, connection, wanted, enforced, error FROM appliances_machinestatus")
    return {str(row["name"]): row for row in found}


def states(portal: Installation) -> list[str]:
    return sorted(row["connection"] for row in rows(portal).values())
