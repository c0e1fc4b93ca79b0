"""The certificate of a machine's listeners."""

from __future__ import annotations

import smtplib
import ssl
from pathlib import Path

from appliances.machine.certificate import kept_certificate
from tests.appliances.machine.machines import SMTP_PORT, Machines, listener


def test_certificate_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    path = tmp_path / "listener.pem"
    made = kept_certificate(path, "mx1.example.com")
    assert "BEGIN CERTIFICATE" in made
    assert "PRIVATE KEY" in made
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_certificate(path, "another.example.com") == made


def test_listener_of_a_machine_offers_tls_with_its_certificate(machines: Machines) -> None:
    (machine,) = machines.started("mx1", settings={"listenerconfig": listener()})
    machine.settled()
    context = ssl.create_default_context(cadata=(machine.home / "keys" / "listener.pem").read_text())
    context.check_hostname = False
    with smtplib.SMTP(machine.address, SMTP_PORT, timeout=30) as client:
        assert client.starttls(context=context)[0] == 220
        client.ehlo()
