"""The demo's tenants and logins."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db import transaction

from portal.demo.plan import PASSPHRASE, PEOPLE, TENANTS
from portal.tenants import Member, Tenant


@transaction.atomic
def ensure() -> None:
    """Make those that are missing; what a person has changed since stays."""
    tenants = {
        slug: Tenant.objects.get_or_create(slug=slug, defaults={"name": name})[0]
        for slug, name in TENANTS.items()
    }
    people = get_user_model().objects
    for person in PEOPLE:
        if people.filter(username=person.login).exists():
            continue
        first, _, last = person.name.partition(" ")
        make = people.create_superuser if person.superuser else people.create_user
        user = make(person.login, password=PASSPHRASE, first_name=first, last_name=last)
        for slug, role in person.roles.items():
            Member.objects.create(tenant=tenants[slug], user=user, role=role)
