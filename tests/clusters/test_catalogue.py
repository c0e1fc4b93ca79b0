"""What clusters/ asks of a feature."""

import pytest

from clusters.catalogue import (
    LEVELS_OF_SCOPE,
    Catalogue,
    InvalidDocument,
    NoConsequences,
    Problem,
    Scope,
    UnknownFeature,
    WrongLevel,
)
from clusters.modes import CLUSTER, Level, Mode, group, machine
from tests.clusters.catalogues import Table
from tests.clusters.samples import CATALOGUE, FEATURES, rows

MODES = (CLUSTER, group("g1"), machine("A"))


def test_catalogue_keeps_the_order_of_the_menu() -> None:
    assert [feature.name for feature in CATALOGUE] == ["routes", "listeners", "interfaces", "users"]
    assert CATALOGUE["routes"] is FEATURES[0]
    assert "routes" in CATALOGUE
    assert "nothing" not in CATALOGUE


@pytest.mark.parametrize("name", ["", "smtp routes", "1st", "-x", "a:b", "a/b", "a\n", "経路"])
def test_feature_is_called_as_an_element_can_be(name: str) -> None:
    """LOAD-09: a configuration file holds it as an element of its name."""
    with pytest.raises(ValueError, match="no name of an XML element"):
        Catalogue({name: FEATURES[0]})
    assert "a_b-c.9" in Catalogue({"a_b-c.9": FEATURES[0]})


def test_unknown_feature_is_named() -> None:
    with pytest.raises(UnknownFeature, match="There is no feature nothing"):
        CATALOGUE["nothing"]
    with pytest.raises(UnknownFeature):
        CATALOGUE.fallback("nothing")
    with pytest.raises(UnknownFeature):
        CATALOGUE.allows("nothing", CLUSTER)


@pytest.mark.parametrize(
    ("feature", "levels"),
    [
        ("routes", [Level.CLUSTER, Level.GROUP, Level.MACHINE]),
        ("interfaces", [Level.MACHINE]),
        ("users", [Level.CLUSTER]),
    ],
)
def test_scope_says_on_which_levels_a_feature_can_be_defined(feature: str, levels: list[Level]) -> None:
    """RES-01, RES-02, RES-06, RES-07."""
    assert [mode.level for mode in MODES if CATALOGUE.allows(feature, mode)] == levels
    assert LEVELS_OF_SCOPE.keys() == set(Scope)


def test_check_gives_the_normal_form() -> None:
    assert CATALOGUE.check("routes", group("g1"), {}) == {"rows": []}


@pytest.mark.parametrize(("feature", "mode"), [("users", machine("A")), ("interfaces", CLUSTER)])
def test_check_refuses_a_level_outside_the_scope(feature: str, mode: Mode) -> None:
    """RES-01, RES-02."""
    with pytest.raises(WrongLevel, match=f"{feature} cannot be defined in {mode.level} mode"):
        CATALOGUE.check(feature, mode, rows())


def test_check_hands_on_what_the_feature_refuses() -> None:
    with pytest.raises(InvalidDocument) as caught:
        CATALOGUE.check("routes", CLUSTER, {"colour": 1, "size": 2})
    assert caught.value.feature == "routes"
    assert caught.value.problems == (Problem("colour", "is unknown"), Problem("size", "is unknown"))
    assert str(caught.value) == "routes: colour: is unknown; size: is unknown"


def test_problem_of_a_whole_document_is_shown_without_a_path() -> None:
    assert str(InvalidDocument("routes", [Problem("", "is no object")])) == "routes: is no object"


def test_fallback_is_the_factory_default_or_empty() -> None:
    """T12: where no mode defines a feature, its factory default holds; where there is none, an empty one."""
    assert CATALOGUE.fallback("listeners") == rows("default")
    assert CATALOGUE.fallback("routes") == rows()


def test_feature_that_refuses_what_holds_without_it_has_to_be_defined() -> None:
    """LOAD-09."""
    known = Catalogue(
        {"people": Table("people", Scope.CLUSTER, factory_default={}), "routes": Table("routes")}
    )
    assert known.needs_definition("people")
    assert not known.needs_definition("routes")
    known.require_dispensable("routes")
    with pytest.raises(InvalidDocument, match="expected a list"):
        known.require_dispensable("people")


def test_catalogue_without_an_appliance_foresees_no_consequences() -> None:
    bare = Catalogue({"routes": FEATURES[0]})
    assert isinstance(bare.consequences, NoConsequences)
    assert list(bare.consequences.lines({"routes": rows("a")})) == []
    assert list(bare.consequences.red_flags({"routes": rows()})) == []
    assert list(bare.consequences.departures(None, {"routes": rows("a")}, {"routes": rows()})) == []
    assert bare.consequences.doors({"routes": rows()}) is None
    assert list(Catalogue()) == []
