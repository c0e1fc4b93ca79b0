"""Rows by a vector, in conditions that stay digestible however many machines have written something."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from django.db import models as db

from clusters.versions import CommitId, Vector

Told = TypeVar("Told")

TERMS = 200
"""Alternatives in one condition; databases take about a thousand."""


def beyond(vector: Vector, reach: Vector) -> Iterator[db.Q]:
    """Conditions that together hold for the commits up to `reach` that `vector` lacks, each for others."""
    unheard = [origin for origin in reach if not vector.get(origin)]
    if unheard:
        yield db.Q(origin__in=unheard)
    started = {o: vector[o] for o, number in reach.items() if 0 < vector.get(o, 0) < number}
    for terms in _chunks(started):
        yield _any_of(db.Q(origin=origin, number__gt=number) for origin, number in terms)


def up_to(vector: Vector) -> Iterator[db.Q]:
    """Conditions that together hold for the commits up to `vector`, each for others."""
    for terms in _chunks(vector):
        yield _any_of(db.Q(origin=origin, number__lte=number) for origin, number in terms)


def exactly(ids: Iterable[CommitId]) -> Iterator[db.Q]:
    """Conditions that together hold for these commits, each for others."""
    numbers: dict[str, list[int]] = {}
    for ident in ids:
        numbers.setdefault(ident.origin, []).append(ident.number)
    for terms in _chunks(numbers):
        yield _any_of(db.Q(origin=origin, number__in=its) for origin, its in terms)


def within(vector: Vector) -> db.Q:
    """The one condition for what `vector` covers; it reads every row, however few are meant."""
    numbers = (db.When(origin=origin, then=db.Value(number)) for origin, number in vector.items())
    return db.Q(number__lte=db.Case(*numbers, default=db.Value(0)))


def _chunks(by_origin: Mapping[str, Told]) -> Iterator[list[tuple[str, Told]]]:
    terms = list(by_origin.items())
    return (terms[i : i + TERMS] for i in range(0, len(terms), TERMS))


def _any_of(conditions: Iterator[db.Q]) -> db.Q:
    return db.Q(*conditions, _connector=db.Q.OR)
