"""What holds for every feature and every document that it accepts."""

import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from appliances.features.consequences import PostfixConsequences
from appliances.features.discovery import FEATURES
from appliances.features.registry import CATALOGUE
from appliances.features.rendering import render
from appliances.features.wording import say
from clusters.catalogue import Document, InvalidDocument, Problem
from tests.appliances.features.examples import DOCUMENTS
from tests.appliances.features.generated import documents, everything
from tests.appliances.features.written import written

patient = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    max_examples=30,
    phases=set(Phase) - {Phase.explain},
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.dictionaries(st.integers(), inner),
    max_leaves=8,
)


def test_every_feature_has_an_example() -> None:
    assert set(DOCUMENTS) == set(FEATURES)


@pytest.mark.parametrize("name", FEATURES)
def test_checked_document_is_json_and_checks_to_itself(name: str) -> None:
    @patient
    @given(documents(name))
    def holds(document: Document) -> None:
        normal = FEATURES[name].check(document)
        assert json.loads(json.dumps(normal)) == normal
        assert FEATURES[name].check(normal) == normal

    holds()


@pytest.mark.parametrize("name", FEATURES)
def test_example_factory_default_and_empty_are_in_normal_form(name: str) -> None:
    feature = FEATURES[name]
    assert feature.check(DOCUMENTS[name]) == feature.check(feature.check(DOCUMENTS[name]))
    if feature.factory_default is not None:
        assert feature.check(feature.factory_default) == feature.factory_default
    if CATALOGUE.needs_definition(name):
        assert name == "userconfig"
    else:
        assert feature.check(feature.empty) == feature.empty


@pytest.mark.parametrize("name", FEATURES)
def test_whatever_is_no_document_is_refused_in_plain_words(name: str) -> None:
    @patient
    @given(st.one_of(anything, st.dictionaries(st.sampled_from([*DOCUMENTS[name], "x"]), anything)))
    def holds(document: object) -> None:
        told = problems(name, document)
        assert told != ()
        for problem in told or ():
            assert (problem.path + problem.message).isprintable()

    holds()


def problems(name: str, document: object) -> tuple[Problem, ...] | None:
    """What the feature says against the document; None where it accepts it."""
    try:
        FEATURES[name].check(document)
    except InvalidDocument as refused:
        return refused.problems
    return None


@patient
@given(everything)
def test_accepted_documents_render_to_files_that_postfix_reads_without_complaint(
    machine: dict[str, Document],
) -> None:
    files = written(render(machine, "certificate").configuration)
    assert files.complaints == ""
    assert files.foreign_macros == set()


@patient
@given(everything)
def test_rendering_is_deterministic_and_the_same_for_the_normal_form(machine: dict[str, Document]) -> None:
    normal = {name: FEATURES[name].check(document) for name, document in machine.items()}
    first, second = render(machine), render(normal)
    assert first.configuration.digest() == second.configuration.digest()
    assert first.policy_rules == second.policy_rules
    assert first.milter_rules == second.milter_rules
    assert first.red_flags == second.red_flags


@patient
@given(everything)
def test_preview_is_single_lines_without_secrets(machine: dict[str, Document]) -> None:
    normal = {name: FEATURES[name].check(document) for name, document in machine.items()}
    lines = PostfixConsequences().lines(normal)
    assert all("\n" not in line for line in lines)
    assert not any("argon2" in line for line in lines)


def test_words_are_translated_before_values_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from appliances.features import wording

    monkeypatch.setattr(wording._Language, "translate", staticmethod({"at {x}": "bei {x}"}.__getitem__))
    assert say("at {x}", x="{y}") == "bei {y}"
