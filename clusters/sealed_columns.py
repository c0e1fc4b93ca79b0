"""Columns whose secrets rest sealed; in Python they are as open as ever."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models.functions import Cast

from clusters import sealing
from clusters.versions import Address


class SealedJSONField(models.JSONField):
    """A JSON document. The model's `secrets` names the paths whose texts are sealed in the database."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        ready_to_seal()
        secrets: Iterable[str] = getattr(model_instance, "secrets")  # noqa: B009 - Django types any model
        return sealing.sealed(super().pre_save(model_instance, add), self.paths(secrets))

    def paths(self, secrets: Iterable[str]) -> Collection[str]:
        """Where in this column the secrets of the entry's value are."""
        return set(secrets)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        read = super().from_db_value(value, expression, connection)
        return sealing.unsealed(read) if sealing.MARK in str(value) else read


class SealedPastField(SealedJSONField):
    """A versions.Past as JSON: the values that an entry had."""

    def paths(self, secrets: Iterable[str]) -> Collection[str]:
        return in_past(secrets)


def in_past(secrets: Iterable[str]) -> Collection[str]:
    """The paths of an entry's secrets within a past of it."""
    return {f"versions.*.value.{path}" for path in secrets}


class SealedChangesField(models.JSONField):
    """Changes of entries as JSON: one, a list of them, or a commit with its `changes`.

    Each names its entry in `address`; the secrets of its other fields rest sealed.
    """

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        ready_to_seal()
        return super().get_db_prep_save(_sealed_changes(value), connection)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        read = super().from_db_value(value, expression, connection)
        return sealing.unsealed(read) if sealing.MARK in str(value) else read


def _sealed_changes(value: Any) -> Any:
    if isinstance(value, list):
        return [_sealed_changes(item) for item in value]
    if "address" in value:
        secrets = sealing.secrets_of(Address.parse(value["address"]))
        paths = {"past": in_past(secrets)}
        return {name: sealing.sealed(item, paths.get(name, secrets)) for name, item in value.items()}
    return {name: _sealed_changes(item) if name == "changes" else item for name, item in value.items()}


class SealedTextField(models.TextField):
    """A text that is a secret as a whole."""

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        ready_to_seal()
        return sealing.seal(text) if text else text

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return sealing.unseal(value) if value else value


def ready_to_seal() -> None:
    """Makes the first key where nothing is sealed yet; else sealing says that the file is lost (TRL-29)."""
    if not sealing.begun() and not _something_sealed():
        sealing.begin()


def require_keys() -> None:
    """See that the keys open what is sealed in the database; raises KeyMissing (TRL-29)."""
    if sealing.begun():
        sealing.require_keys()
    for model, field in _sealed_fields():
        _sealed_rows(model, field).values_list(field.attname).first()  # reading it opens it


def _something_sealed() -> bool:
    return any(_sealed_rows(model, field).exists() for model, field in _sealed_fields())


Sealed = SealedJSONField | SealedChangesField | SealedTextField


def _sealed_fields() -> Iterator[tuple[type[models.Model], Sealed]]:
    for model in apps.get_models():
        yield from ((model, field) for field in model._meta.fields if isinstance(field, Sealed))


def _sealed_rows(model: type[models.Model], field: Sealed) -> models.QuerySet[models.Model]:
    """The rows whose column holds a sealed text."""
    rows = model._base_manager.annotate(rests=Cast(field.attname, models.TextField()))
    return (
        rows.exclude(rests="")
        if isinstance(field, SealedTextField)
        else rows.filter(rests__contains=sealing.MARK)
    )


def rotate() -> int:
    """A new key seals from now on, and everything is sealed anew with it; returns how many rows."""
    ready_to_seal()
    sealing.add_key()
    rows = _seal_anew()
    sealing.drop_old_keys()
    return rows


@transaction.atomic
def _seal_anew() -> int:
    return sum(_save_rows(model, field.attname) for model, field in _sealed_fields())


def _save_rows(model: type[models.Model], column: str) -> int:
    count = 0
    for row in model._base_manager.iterator(chunk_size=500):
        row.save(update_fields=[column])
        count += 1
    return count
