"""Accepted documents of any feature, drawn from its schema: a new feature gets the laws for nothing.

Where the parts of a document depend on one another, `MENDED` makes a draw consistent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from appliances.features.discovery import FEATURES
from clusters.catalogue import Document
from tests.appliances.features.examples import HASH, KEY

_part = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
domains = st.one_of(
    st.lists(_part, min_size=2, max_size=4).map(lambda parts: ".".join([*parts[:-1], f"x{parts[-1]}"])),
    st.sampled_from(["faß.example", "例え.jp"]),
)
domain_patterns = st.one_of(domains, domains.map(lambda d: f".{d}"), st.just("ALL"), domains.map(str.upper))
locals_ = st.from_regex(r"[A-Za-z0-9_+=~'&/$*?^`{|}.-][A-Za-z0-9_+=~'&/#$*?^`{|}.-]{0,10}", fullmatch=True)
emails = st.builds("{}@{}".format, locals_, domains)
addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
blocks = st.integers(0, 24).flatmap(
    lambda n: st.integers(0, 2**n - 1).map(lambda bits: f"{_dotted(bits << (32 - n))}/{n}")
)
ranges = st.tuples(st.ip_addresses(v=4), st.integers(0, 255)).map(
    lambda pair: "{}-{}".format(*sorted((pair[0], pair[0] - int(pair[0]) % 256 + pair[1])))
)
labels = st.from_regex(r"[A-Za-zäß日本0-9_]([A-Za-zäé本0-9_.+-]{0,10}[A-Za-z0-9_+-])?", fullmatch=True)
visible = st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])
ascii_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)

FORMATS: dict[str, st.SearchStrategy[str]] = {
    "label": labels,
    "optional_label": st.one_of(st.just(""), labels),
    "line": st.text(visible, max_size=40),
    "reply": ascii_text,
    "prose": st.text(visible | st.sampled_from("\n\t"), min_size=1, max_size=60).map(lambda t: f"x{t}"),
    "host": st.one_of(domains, addresses),
    "full_host_name": domains,
    "ip_address": addresses,
    "netmask": st.sampled_from(["0", "8", "24", "32"]),
    "domain": domains,
    "optional_domain": st.one_of(st.just(""), domains),
    "domain_pattern": domain_patterns,
    "client_pattern": st.one_of(addresses, blocks, ranges, domain_patterns),
    "email_address": emails,
    "optional_email_address": st.one_of(st.just(""), emails),
    "recipient_pattern": st.one_of(emails, domain_patterns),
    "alias": st.one_of(emails, domains.map(lambda d: f"@{d}")),
    "destination_host": st.one_of(domains, addresses, st.sampled_from(["USEDNS", "/dev/null"])),
    "login": st.from_regex(r"[a-z_][a-z0-9_.-]{0,10}", fullmatch=True),
    "argon2": st.sampled_from(["", HASH]),
    "ssh_public_key": st.just(KEY),
}


def _dotted(number: int) -> str:
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What a schema allows, as far as it says."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    if schema["type"] == "object":
        parts = {name: values(part) for name, part in schema["properties"].items()}
        required = set(schema.get("required", ()))
        return st.fixed_dictionaries(
            {name: part for name, part in parts.items() if name in required},
            optional={name: part for name, part in parts.items() if name not in required},
        )
    if schema["type"] == "array":
        most = 3
        return st.lists(
            values(schema["items"]), min_size=schema.get("minItems", 0), max_size=most, unique_by=_first_word
        )
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if schema["type"] == "boolean":
        return st.booleans()
    return FORMATS[schema["x-format"]]


def _first_word(item: Any) -> str:
    if isinstance(item, dict):
        item = next(item[name] for name in ("name", "domain", "recipient", "alias", "host") if name in item)
    return str(item).casefold().removesuffix(".")


def documents(feature: str) -> st.SearchStrategy[Document]:
    """Documents that the feature accepts, in any form that a person may write them."""
    mend = MENDED.get(feature, lambda document: document)
    return values(dict(FEATURES[feature].schema)).map(mend)


def _mended_listeners(document: Document) -> Document:
    for number, one in enumerate(document.get("listeners", ())):
        one["port"] = 2000 + number
        policies = one.get("hat", {}).get("policies", [])
        for policy in policies:
            if one.get("type") == "private":
                policy["behaviour"] = "relay"
        for index, group in enumerate(one.get("hat", {}).get("sender_groups", [])):
            group["policy"] = policies[index % len(policies)]["name"] if policies else ""
        if not policies and "hat" in one:
            one["hat"]["sender_groups"] = []
        if one.get("type") == "private":
            one["rat"] = {}
        for entry in one.get("rat", {}).get("entries", []):
            entry["code"] = 550
    return document


def _mended_bounces(document: Document) -> Document:
    for index, profile in enumerate(document.get("profiles", ())):
        profile["name"] = "Default" if index == 0 else f"other{index}"
        profile["max_retry_wait"] = max(
            profile.get("max_retry_wait", 3600), profile.get("initial_retry_wait", 60)
        )
    return document


def _mended_routes(document: Document) -> Document:
    for route in document.get("routes", ()):
        if any(one["host"] in ("USEDNS", "/dev/null") for one in route["hosts"]):
            route["hosts"] = [{"host": "USEDNS"}]
    return document


def _mended_interfaces(document: Document) -> Document:
    for index, one in enumerate(document.get("interfaces", ())):
        one["ip"] = f"127.0.0.{index + 1}"
        for offset, service in enumerate(("ssh", "ccs", "http", "https")):
            if service in one:
                one[service]["port"] = 3000 + offset
    return document


def _mended_users(document: Document) -> Document:
    admin = {"name": "zz-admin", "role": "administrator", "passphrase_hash": HASH}
    return {"users": [*document.get("users", ()), admin]}


def _without_all(table: str) -> Callable[[Document], Document]:
    def mend(document: Document) -> Document:
        if table in document:
            rows = document[table]
            document[table] = [r for r in rows if (r["domain"] if isinstance(r, dict) else r) != "ALL"]
        return document

    return mend


MENDED: dict[str, Callable[[Document], Document]] = {
    "listenerconfig": _mended_listeners,
    "bounceconfig": _mended_bounces,
    "smtproutes": _mended_routes,
    "interfaceconfig": _mended_interfaces,
    "userconfig": _mended_users,
    "destconfig": _without_all("destinations"),
    "unsubscribe": _without_all("recipients"),
}

everything = st.fixed_dictionaries({name: documents(name) for name in FEATURES})
"""Documents of all features of a machine."""
