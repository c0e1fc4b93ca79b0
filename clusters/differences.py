"""What differs between two documents, path by path: for pages, the command line and the history."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from clusters.catalogue import Document
from clusters.versions import canonical
from clusters.wire import same

KEYS = ("name", "domain", "alias", "recipient", "id", "address", "key")
"""The fields by which items of a list are known again, the best first."""

HIDDEN = "********"
"""Stands for the value of a secret."""

ORDER = "[order]"
"""The last step of a path that tells of a new order of the same items."""


@dataclass(frozen=True, slots=True)
class PathChange:
    """One value that came, went or changed.

    `path` leads to it: field names, and `[key]` or `[position]`, counted from 1, for an item of a list. `old`
    is None for what came and `new` for what went; `kind` is `added`, `removed` or `changed`.
    """

    path: tuple[str, ...]
    kind: str
    old: Any = None
    new: Any = None

    @property
    def text(self) -> str:
        """The path as people read it: `routes[example.com].hosts[1]`."""
        return path_text(self.path)


def path_text(path: Sequence[str]) -> str:
    """A path as people read it."""
    return "".join(s if s.startswith("[") else f".{s}" for s in path).removeprefix(".")


def differences(
    before: Document | None, after: Document | None, secrets: Collection[str] = ()
) -> list[PathChange]:
    """What turns one document into the other; nothing where they are equal.

    None is an absent document (CL-10). Values at the paths of `secrets` (see catalogue.Feature.secrets) are
    shown as HIDDEN; that they changed is told.
    """
    if before is None or after is None:
        found = _presence(before, after)
    else:
        found = list(_of_objects((), before, after))
    patterns = [tuple(pattern.split(".")) for pattern in secrets]
    return [_without_secrets(change, patterns) for change in found] if patterns else found


def _presence(before: Document | None, after: Document | None) -> list[PathChange]:
    if before is None and after is None:
        return []
    if before is None:
        return [PathChange((), "added", None, after)]
    return [PathChange((), "removed", before, None)]


def _of_values(path: tuple[str, ...], old: Any, new: Any) -> Iterator[PathChange]:
    if same(old, new):
        # At once, for most rows of a long table: to look at each by its path takes seconds.
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _of_objects(path, old, new)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_lists(path, old, new)
    else:
        yield PathChange(path, "changed", old, new)


def _of_objects(
    path: tuple[str, ...], old: Mapping[str, Any], new: Mapping[str, Any], item: bool = False
) -> Iterator[PathChange]:
    for name in [*old, *(name for name in new if name not in old)]:
        step = (*path, f"[{name}]" if item else name)
        if name not in new:
            yield PathChange(step, "removed", old[name], None)
        elif name not in old:
            yield PathChange(step, "added", None, new[name])
        else:
            yield from _of_values(step, old[name], new[name])


def _of_lists(path: tuple[str, ...], old: list[Any], new: list[Any]) -> Iterator[PathChange]:
    key = item_key([*old, *new])
    mine, theirs = _by(key, old), _by(key, new)
    if key is None or len(mine) < len(old) or len(theirs) < len(new):
        yield from _of_sequences(path, old, new)
        return
    yield from _of_objects(path, mine, theirs, item=True)
    stayed = [name for name in mine if name in theirs]
    now = [name for name in theirs if name in mine]
    if stayed != now:
        yield PathChange((*path, ORDER), "changed", stayed, now)


def item_key(items: Sequence[Any]) -> str | None:
    """The field by which the items of a list are told apart; None where there is none."""
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    return next((key for key in KEYS if all(isinstance(item.get(key), str) for item in items)), None)


def named_path(document: Any, path: str) -> str:
    """A path such as `routes.0.hosts.0` as people read it: `routes[example.com].hosts[1]`."""
    steps: list[str] = []
    here = document
    for step in path.split("."):
        if isinstance(here, list) and step.isdecimal() and int(step) < len(here):
            here = here[int(step)]
            steps.append(f"[{here[key]}]" if (key := item_key([here])) else f"[{int(step) + 1}]")
        else:
            here = here.get(step) if isinstance(here, dict) else None
            steps.append(step)
    return path_text(steps)


def _by(key: str | None, items: Sequence[Any]) -> dict[str, Any]:
    return {} if key is None else {item[key]: item for item in items}


def _of_sequences(path: tuple[str, ...], old: list[Any], new: list[Any]) -> Iterator[PathChange]:
    matcher = SequenceMatcher(None, [canonical(v) for v in old], [canonical(v) for v in new], autojunk=False)
    for tag, start, end, from_, to in matcher.get_opcodes():
        if tag == "equal":
            continue
        both = min(end - start, to - from_)
        for i in range(both):
            yield from _of_values((*path, f"[{start + i + 1}]"), old[start + i], new[from_ + i])
        for i in range(start + both, end):
            yield PathChange((*path, f"[{i + 1}]"), "removed", old[i], None)
        for i in range(from_ + both, to):
            yield PathChange((*path, f"[{i + 1}]"), "added", None, new[i])


def _without_secrets(change: PathChange, patterns: Sequence[tuple[str, ...]]) -> PathChange:
    old, new = (
        None if value is None else mask_at(value, change.path, patterns) for value in (change.old, change.new)
    )
    return PathChange(change.path, change.kind, old, new)


def masked(document: Document, secrets: Collection[str]) -> Document:
    """The document with its secrets hidden; one that is empty or null stays as it is."""
    found: Document = mask_at(document, (), [tuple(pattern.split(".")) for pattern in secrets])
    return found


def mask_at(value: Any, path: tuple[str, ...], patterns: Sequence[tuple[str, ...]]) -> Any:
    """The value that stands at `path` of a document, with what `patterns` lead into hidden."""
    if value not in (None, "") and any(_leads_into(path, pattern) for pattern in patterns):
        return HIDDEN
    if isinstance(value, dict):
        return {name: mask_at(v, (*path, name), patterns) for name, v in value.items()}
    if isinstance(value, list):
        return [mask_at(v, (*path, f"[{i}]"), patterns) for i, v in enumerate(value)]
    return value


def _leads_into(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    steps = zip(path, pattern, strict=False)
    return len(path) >= len(pattern) and all(
        step == wanted or (wanted == "*" and step.startswith("[")) for step, wanted in steps
    )


def unmasked(typed: Any, base: Any, secrets: Collection[str]) -> Any:
    """What a person typed, with secrets that they left hidden taken from `base`.

    Items of lists are known again by their name, so that a new order mixes nothing up.
    """
    return _restored(typed, base) if secrets else typed


def _restored(typed: Any, base: Any) -> Any:
    if typed == HIDDEN and isinstance(base, str):
        return base
    if isinstance(typed, dict):
        fields = base if isinstance(base, dict) else {}
        return {name: _restored(value, fields.get(name)) for name, value in typed.items()}
    if isinstance(typed, list):
        items = base if isinstance(base, list) else []
        key = item_key([*typed, *items])
        named = {item[key]: item for item in items} if key else {}
        return [_restored(item, named.get(item[key]) if key else None) for item in typed]
    return typed
