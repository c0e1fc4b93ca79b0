"""How the portal becomes a peer of a cluster: it asks any member, once, with the admin's passphrase.

The passphrase is held in memory for that one call. It is in no row, no log and no task.
"""

from __future__ import annotations

import uuid

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils.translation import gettext as _

from appliances.following import identity
from appliances.links.calling import Target
from appliances.links.client import Enrolment, HostKey, Passphrase, Probe, enrol, probe
from appliances.links.errors import Fault, ProtocolError
from clusters import joining, models, replicas
from clusters.refusals import Refused
from clusters.replication import Snapshot, history_from_wire
from clusters.versions import MalformedCommit


class FollowedAlready(Refused):
    """The portal follows this cluster already; `replica_id` is its copy."""

    def __init__(self, replica_id: int) -> None:
        self.replica_id = replica_id
        super().__init__(_("This portal follows the cluster already."))


async def look(address: str, port: int) -> Probe:
    """What answers there, and its host key, for a person to compare. Raises Unreachable and WrongService."""
    return await probe(Target(address, port))


async def ask(address: str, port: int, passphrase: Passphrase, host_key: HostKey) -> Enrolment:
    """Ask the member at that address to let this portal follow. Raises any LinkError; nothing changed then.

    `host_key` is the public key that a person has accepted, or a question to that person.
    """
    # In a thread: the first look at who we are may ask the database.
    known = await sync_to_async(identity.portal)()
    request = {"portal": {"serial": known.serial, "name": known.name, "user_key": known.user_key}}
    return await enrol(Target(address, port), identity.identity(), passphrase, host_key, request)


@transaction.atomic
def take(enrolment: Enrolment) -> models.Replica:
    """The portal's own replica of the cluster, from what the member answered.

    Raises ProtocolError for an answer that makes no sense, FollowedAlready for a cluster that is here: its
    replica has taken the newer state then.
    """
    try:
        cluster_id = uuid.UUID(str(enrolment.answer["cluster"]))
        snapshot = Snapshot.from_wire(enrolment.answer["snapshot"])
        history = history_from_wire(enrolment.answer["history"], snapshot.vector)
    except (KeyError, ValueError, MalformedCommit) as error:
        raise ProtocolError(Fault.INVALID_MESSAGE, str(error)) from None
    known = models.Replica.objects.filter(cluster_id=cluster_id).first()
    if known is not None:
        replicas.absorb_snapshot(known.pk, snapshot)
        raise FollowedAlready(known.pk)
    own = identity.serial()
    origin = joining.fresh_origin(own) if own in snapshot.vector else own
    row = replicas.new_replica(origin, cluster_id)
    replicas.absorb_snapshot(row.pk, snapshot, history)
    row.refresh_from_db()
    return row
