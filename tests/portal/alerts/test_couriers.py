"""From a report of a machine to a mail, over a real broker, a real worker and a real mail server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as Handler

from tests.browser.conftest import BUILD
from tests.portal.installation import Installation, free_port, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SUBSCRIBE = """
from portal.alerts.routing import Channel, Subscription
channel = Channel(tenant=acme, name="Ops", way="mail")
channel.enter({"recipients": "ops@acme.example"})
channel.save()
Subscription.everything.create(tenant=acme, channel=channel)
"""
REFUSE = """
from appliances.models import MachineStatus
from portal import signals
from portal.tenants import ManagedCluster
one = ManagedCluster.everything.get()
MachineStatus.objects.filter(name="rome.example").update(error={error!r})
signals.statuses_changed(one.replica_id)
"""

REFUSED = "[critical] rome.example: settings refused (Europe)"
UNSENT = "SELECT state FROM portal_delivery WHERE state != 'sent'"
OVER = "[over] rome.example: settings refused (Europe)"


class Inbox(Handler):
    """Keeps the subjects of what arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.subjects: list[str] = []

    def handle_message(self, message: object) -> None:
        self.subjects.append(str(message["Subject"]))  # type: ignore[index]  # a mail of the standard library


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, int]]:
    found = Inbox()
    controller = Controller(found, "127.0.0.1", free_port())
    controller.start()
    yield found, controller.port
    controller.stop()


def test_refused_settings_reach_a_mailbox_once_and_their_end_too(inbox: tuple[Inbox, int]) -> None:
    found, port = inbox
    with Installation() as portal:
        mail = f"GATEFOLD_EMAIL_URL=smtp://127.0.0.1:{port}\nGATEFOLD_URL=https://portal.example\n"
        (portal.var / "portal" / "environment").write_text(mail)
        portal.prepare(BUILD + SUBSCRIBE)
        portal.start_worker()
        portal.python(REFUSE.format(error="Postfix refused it"))
        until(lambda: REFUSED in found.subjects, "the mail has arrived")
        portal.python(REFUSE.format(error="Postfix refused it"))
        portal.python(REFUSE.format(error=""))
        until(lambda: OVER in found.subjects, "the end was told")
        assert found.subjects.count(REFUSED) == 1
        # The machines of this test are nowhere: to the worker, its portal has lost its network.
        assert not [subject for subject in found.subjects if "machine down" in subject]
        until(lambda: not portal.rows(UNSENT), "every delivery is noted as sent")
        assert "Traceback" not in portal.log("worker")
