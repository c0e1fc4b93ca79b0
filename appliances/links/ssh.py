"""What both ends of our SSH agree on: names, kinds of services, algorithms."""

from __future__ import annotations

from enum import StrEnum

SUBSYSTEM = "gatefold-cluster"
"""The SSH subsystem of cluster traffic."""

CLUSTER_USER = "cluster"
"""The SSH user name of machines and portals; no person can have it."""

KEX = ("curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384")
CIPHERS = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")
SIGNATURES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-256",
    "rsa-sha2-512",
)

REFUSAL_MARK = "gatefold refuses"
"""Starts the SSH banner that tells a peer whose key is not accepted why: `MARK (reason): text`."""


class ServiceKind(StrEnum):
    """What a port is for."""

    SSH = "SSH"
    CCS = "CCS"

    @property
    def version(self) -> str:
        """How the service calls itself in the SSH greeting."""
        return f"Gatefold_{self}"
