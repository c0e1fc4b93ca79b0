"""Settings as forms: what a page shows and a browser sends back is the document again."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict

from appliances.features.registry import CATALOGUE
from clusters.catalogue import Document, Problem
from portal.demo.plan import CLUSTERS
from portal.editing.fields import Builder, Field, Option, kind_of
from portal.editing.reading import Reader
from portal.editing.references import choices_at
from tests.portal import world


def no_choices(_feature: str) -> list[Option]:
    return []


def sent(field: Field) -> QueryDict:
    """What a browser sends of a page."""
    post = QueryDict(mutable=True)
    _fill(post, field)
    return post


def _fill(post: QueryDict, field: Field) -> None:
    for child in field.children:
        _fill(post, child)
    for row in field.rows:
        post.appendlist(f"row:{field.path}", row.id)
        for child in row.fields:
            _fill(post, child)
    if field.kind == "lines":
        post[field.path] = field.lines
    elif field.kind == "switch":
        if field.value:
            post[field.path] = "on"
    elif field.kind == "secret":
        post[f"keep:{field.path}"] = "on"
        post[field.path] = ""
    elif field.kind not in ("object", "table", "cards", "fixed"):
        post[field.path] = "" if field.value is None else str(field.value)


def documents() -> list[tuple[str, Document]]:
    """Real documents of every feature: factory defaults, empty ones, and all of the demo."""
    found: list[tuple[str, Document]] = [(f.name, CATALOGUE.fallback(f.name)) for f in CATALOGUE]
    found += [(f.name, f.empty) for f in CATALOGUE]
    for cluster in CLUSTERS:
        groups = [s for _name, s in cluster.groups.items()]
        for settings in [cluster.settings, *groups, *(m.settings for m in cluster.machines)]:
            found += [(name, CATALOGUE[name].check(document)) for name, document in settings.items()]
    return found


@pytest.mark.parametrize(("name", "document"), documents())
def test_form_sent_back_untouched_is_the_document(name: str, document: Document) -> None:
    schema = CATALOGUE[name].schema
    form = Builder(no_choices).form(schema, document)
    assert Reader(schema, sent(form), document).read() == document


@pytest.mark.parametrize("name", [feature.name for feature in CATALOGUE])
def test_form_of_every_feature_has_no_json_textarea(name: str) -> None:
    form = Builder(no_choices).form(CATALOGUE[name].schema, CATALOGUE[name].empty)
    known = {
        "object",
        "table",
        "cards",
        "lines",
        "fixed",
        "secret",
        "reference",
        "choice",
        "prose",
        "switch",
        "number",
        "text",
    }
    blanks = [child for f in form.walk() if f.blank for child in f.blank.fields]
    assert {f.kind for f in [*form.walk(), *blanks]} <= known


def test_rows_in_another_order_make_the_document_in_that_order() -> None:
    document = world.routes(a_example="192.0.2.1", b_example="192.0.2.2")
    post = sent(Builder(no_choices).form(CATALOGUE["smtproutes"].schema, document))
    post.setlist("row:f.routes", ["1", "0"])
    found = Reader(CATALOGUE["smtproutes"].schema, post, document).read()
    assert [route["domain"] for route in found["routes"]] == ["b.example", "a.example"]


def test_row_left_out_is_gone_and_a_new_one_stands_where_it_was_put() -> None:
    document = world.routes(a_example="192.0.2.1", b_example="192.0.2.2")
    post = sent(Builder(no_choices).form(CATALOGUE["smtproutes"].schema, document))
    post.setlist("row:f.routes", ["n1", "1"])
    post["f.routes.n1.domain"] = "new.example"
    post.setlist("row:f.routes.n1.hosts", ["n2"])
    post["f.routes.n1.hosts.n2.host"] = "192.0.2.9"
    found = Reader(CATALOGUE["smtproutes"].schema, post, document).read()
    assert found["routes"][0] == {"domain": "new.example", "hosts": [{"host": "192.0.2.9", "port": 25}]}
    assert [route["domain"] for route in found["routes"]] == ["new.example", "b.example"]


def test_number_that_is_none_stays_for_the_check_to_name() -> None:
    document = world.routes(a_example="192.0.2.1")
    post = sent(Builder(no_choices).form(CATALOGUE["smtproutes"].schema, document))
    post["f.routes.0.hosts.0.port"] = "many"
    found = Reader(CATALOGUE["smtproutes"].schema, post, document).read()
    assert found["routes"][0]["hosts"][0]["port"] == "many"


USERS: Document = {
    "users": [
        {
            "name": "ada",
            "full_name": "",
            "role": "administrator",
            "passphrase_hash": "hash-of-ada",
            "authorised_keys": [],
        },
        {
            "name": "bea",
            "full_name": "",
            "role": "readonly",
            "passphrase_hash": "hash-of-bea",
            "authorised_keys": [],
        },
    ]
}


def users_post(**more: str) -> QueryDict:
    post = sent(Builder(no_choices).form(CATALOGUE["userconfig"].schema, USERS))
    post.update(more)
    return post


def test_secret_left_alone_stays_with_its_row_in_a_new_order() -> None:
    post = users_post()
    post.setlist("row:f.users", ["1", "0"])
    found = Reader(CATALOGUE["userconfig"].schema, post, USERS).read()["users"]
    assert [(u["name"], u["passphrase_hash"]) for u in found] == [
        ("bea", "hash-of-bea"),
        ("ada", "hash-of-ada"),
    ]


def test_passphrase_that_is_typed_is_hashed() -> None:
    found = Reader(
        CATALOGUE["userconfig"].schema, users_post(**{"f.users.1.passphrase_hash": "open sesame"}), USERS
    ).read()
    assert found["users"][1]["passphrase_hash"].startswith("$argon2")
    assert found["users"][0]["passphrase_hash"] == "hash-of-ada"


def test_secret_no_longer_kept_is_emptied() -> None:
    post = users_post()
    del post["keep:f.users.1.passphrase_hash"]
    assert Reader(CATALOGUE["userconfig"].schema, post, USERS).read()["users"][1]["passphrase_hash"] == ""


def test_secret_is_nowhere_in_the_fields_of_the_page() -> None:
    form = Builder(no_choices).form(CATALOGUE["userconfig"].schema, USERS)
    secrets = [f for f in form.walk() if f.kind == "secret"]
    assert [f.value for f in secrets] == ["hash-of-ada", "hash-of-bea"]
    assert kind_of(secrets[0].schema) == "secret"


def test_problem_stands_at_its_field_and_line() -> None:
    document: Document = {"action": "drop", "recipients": ["a.example", "ALL"]}
    problems = [Problem("recipients.1", "no"), Problem("action", "bad")]
    form = Builder(no_choices, problems).form(CATALOGUE["unsubscribe"].schema, document)
    errors = {f.name: f.errors for f in form.walk() if f.errors}
    assert errors == {"action": ["bad"], "recipients": ["Line 2: no"]}


def test_choices_mark_items_that_a_machine_lacks(europe: Any) -> None:
    """GUI-17, DEP-03."""
    from clusters import replicas
    from clusters.modes import CLUSTER

    text = {"resources": [{"name": "Company", "text": "Hello", "type": "disclaimer", "html": ""}]}
    world.define(europe, world.mode_of(europe, "paris.example"), "textconfig", text)
    state = replicas.state(europe.replica_id)
    assert choices_at(state, CLUSTER, CATALOGUE)("textconfig") == [
        Option("Company", "Company", "Unavailable on Machine: berlin.example, rome.example")
    ]
    assert choices_at(state, world.mode_of(europe, "paris.example"), CATALOGUE)("textconfig") == [
        Option("Company", "Company", "")
    ]
