"""One accepted document per feature, with something in every field."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNo"
KEY = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

LISTENER: dict[str, Any] = {
    "name": "Incoming Mail",
    "type": "public",
    "interface": "Data 1",
    "port": 2525,
    "banner": "Example",
    "bounce_profile": "Short",
    "disclaimer_above": "top",
    "disclaimer_below": "legal",
    "default_domain": "example.com",
    "hat": {
        "sender_groups": [
            {
                "name": "BLACKLIST",
                "hosts": ["192.0.2.0/24", ".spam.example"],
                "policy": "BLOCKED",
                "comment": "x",
            },
            {"name": "RELAYLIST", "hosts": ["10.1.2.3", "2001:db8::/32"], "policy": "RELAYED"},
            {"name": "UNKNOWNLIST", "hosts": ["ALL"], "policy": "ACCEPTED"},
        ],
        "policies": [
            {"name": "BLOCKED", "behaviour": "reject", "reject_text": "Go away"},
            {"name": "RELAYED", "behaviour": "relay", "tls": "required"},
            {"name": "ACCEPTED", "behaviour": "accept", "max_recipients_per_hour": 500, "tls": "off"},
        ],
    },
    "rat": {
        "entries": [
            {"recipient": "closed@example.com", "action": "reject", "code": 550, "text": "Gone"},
            {"recipient": "example.com"},
            {"recipient": ".example.com"},
        ]
    },
}

DOCUMENTS: dict[str, Any] = {
    "interfaceconfig": {
        "interfaces": [
            {
                "name": "Data 1",
                "ip": "127.0.0.1",
                "netmask": "255.0.0.0",
                "hostname": "mail.example.com",
                "ssh": {"enabled": True, "port": 2022},
            }
        ]
    },
    "sethostname": {"hostname": "gateway.example.com"},
    "listenerconfig": {"listeners": [LISTENER]},
    "smtproutes": {
        "routes": [
            {"domain": "example.com", "hosts": [{"host": "mail.inside.example", "port": 25}]},
            {"domain": ".example.com", "hosts": [{"host": "10.0.0.1", "port": 2525}, {"host": "10.0.0.2"}]},
            {"domain": "ALL", "hosts": [{"host": "USEDNS"}]},
        ]
    },
    "destconfig": {
        "default": {"concurrency": 30},
        "destinations": [{"domain": "partner.example", "tls": "required", "bounce_profile": "Short"}],
    },
    "bounceconfig": {"profiles": [{"name": "Default"}, {"name": "Short", "max_queue_lifetime": 3600}]},
    "unsubscribe": {"action": "bounce", "recipients": ["gone@example.com", "dead.example"]},
    "aliasconfig": {
        "postmaster": "root@example.com",
        "aliases": [{"alias": "sales@example.com", "targets": ["ann@example.com"]}],
    },
    "textconfig": {
        "resources": [
            {"name": "legal", "text": "Example Ltd.", "html": "<b>Example Ltd.</b>"},
            {"name": "top", "text": "External"},
        ]
    },
    "userconfig": {
        "users": [
            {
                "name": "admin",
                "full_name": "Ann Example",
                "role": "administrator",
                "passphrase_hash": HASH,
                "authorised_keys": [KEY],
            }
        ]
    },
}
