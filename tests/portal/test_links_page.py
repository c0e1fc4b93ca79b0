"""The map of links: what each end says, how old that is, and why a link is in trouble."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from appliances.following import statuses
from appliances.models import Connection, LinkStatus, MachineStatus
from clusters import membership, replicas
from clusters.state import Portal
from clusters.versions import Address, Change, Kind
from portal.machines import ring
from portal.machines.choosing import short_names
from portal.machines.links import MOST_DRAWN
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import LogIn

BUDGET = 11


@pytest.fixture
def browser(alice: User, europe: ManagedCluster, log_in: LogIn) -> Client:
    world.report(europe)
    return log_in(alice)


def link(europe: ManagedCluster, observer: str, peer: str, state: str = "connected", **more: object) -> None:
    """What a machine says of its link to another."""
    serials = dict(MachineStatus.objects.filter(replica=europe.replica_id).values_list("name", "serial"))
    LinkStatus.objects.create(
        replica_id=europe.replica_id,
        observer=serials.get(observer, observer),
        peer=serials.get(peer, peer),
        state=state,
        **{"heard": timezone.now(), **more},
    )


def page(browser: Client) -> str:
    answer = browser.get("/europe/links/")
    assert answer.status_code == 200
    return answer.content.decode()


def troubled(html: str) -> list[tuple[str, ...]]:
    """Observer and peer of each row of the list."""
    part = html[html.index("Links in trouble") :].partition("</section>")[0]
    rows = part.split("<tr id=")[1:]
    return [tuple(re.findall(r'class="title"[^>]*>([^<]*)<', row)) for row in rows]


def test_troubled_links_are_listed_the_worst_first_with_reason_and_remedy(
    browser: Client, europe: ManagedCluster
) -> None:
    link(europe, "berlin.example", "paris.example", "suspect", reason="No answer", remedy="Look at the cable")
    link(europe, "rome.example", "paris.example", "down", reason="Connection refused")
    link(europe, "berlin.example", "rome.example")
    html = page(browser)
    assert troubled(html) == [("rome.example", "paris.example"), ("berlin.example", "paris.example")]
    for said in ("Connection refused", "Look at the cable"):
        assert said in html
    assert re.search(r"<dt>In trouble</dt><dd>2</dd>", html)


def test_links_of_the_portal_itself_are_in_it(browser: Client, europe: ManagedCluster) -> None:
    serial = world.mode_of(europe, "rome.example").id
    statuses.connection(europe.replica_id, serial, Connection.DOWN, "Nothing answers", "Is it switched on?")
    html = page(browser)
    assert troubled(html) == [("This portal", "rome.example")]
    assert "Is it switched on?" in html


def test_state_has_a_colour_a_shape_and_words(browser: Client, europe: ManagedCluster) -> None:
    link(europe, "berlin.example", "paris.example", "suspect", reason="No answer")
    link(europe, "rome.example", "paris.example", "down")
    html = page(browser)
    for state, shape in (("suspect", "<circle"), ("down", "<path")):
        drawn = re.search(
            rf'<a class="edge {state}" href="#(link-[^"]+)" aria-label="([^"]*)">.*?</a>', html, re.S
        )
        assert drawn
        assert f'id="{drawn[1]}"' in html
        assert f"sees paris.example: {state}" in drawn[2]
        assert f'{shape} class="edge-sign"' in drawn[0]


def test_table_says_who_says_what_of_whom(browser: Client, europe: ManagedCluster) -> None:
    link(europe, "berlin.example", "paris.example", "down", reason="No answer")
    link(europe, "paris.example", "berlin.example", round_trip=12.34)
    table = page(browser).partition("Who says what of whom</h2>")[2]
    found = re.findall(r'<th scope="row" title="([^"]*)">([^<]*)</th>(.*?)</tr>', table, re.S)
    assert [short for _name, short, _cells in found] == ["This portal", "berlin", "paris", "rome"]
    rows = {name: cells for name, _short, cells in found}
    assert list(rows) == ["This portal", "berlin.example", "paris.example", "rome.example"]
    assert "berlin.example sees paris.example: down. No answer" in rows["berlin.example"]
    assert "12.3 ms" in rows["paris.example"]
    assert rows["rome.example"].count('<span class="nothing">') == 4


def test_link_of_a_silent_observer_is_unknown(browser: Client, europe: ManagedCluster) -> None:
    old = timezone.now() - timedelta(minutes=10)
    link(europe, "berlin.example", "paris.example", "down", heard=old)
    html = page(browser)
    assert troubled(html) == []
    assert "No link is in trouble" in html
    assert "has not been heard for a while" in html


def test_removed_peers_leave_the_map_and_other_portals_are_in_it(
    browser: Client, europe: ManagedCluster
) -> None:
    link(europe, "berlin.example", "NO-SUCH", "down")
    entry = Change(Address(Kind.PORTAL, "P-2"), Portal("P-2", "other portal").to_value())
    replicas.commit(europe.replica_id, [entry], user="admin", host="berlin")
    link(europe, "berlin.example", "P-2", "down")
    html = page(browser)
    assert troubled(html) == [("berlin.example", "other portal")]
    assert "NO-SUCH" not in html


def test_large_cluster_lists_what_is_wrong_and_draws_nothing(browser: Client, europe: ManagedCluster) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            page(browser)
        return len(found)

    few = queries()
    for number in range(MOST_DRAWN):
        machine = membership.Machine(f"M-{number}", f"mx{number}.example", "", f"10.9.0.{number}")
        membership.enrol_machine(europe.replica_id, machine=machine, settings={}, user="admin", host="mx0")
        link(europe, f"M-{number}", "paris.example", "down" if number == 7 else "connected")
    link(europe, "berlin.example", "paris.example", heard=timezone.now() - timedelta(hours=1))
    statuses.wanted(europe.replica_id)
    world.report(europe)
    europe.replica.refresh_from_db()
    html = page(browser)
    assert '<svg class="ring"' not in html
    assert troubled(html) == [("mx7.example", "paris.example")]
    told = browser.get("/api/v1/clusters/europe/links/").json()
    members = MOST_DRAWN + 3
    assert (told["whole"], told["total"]) == (False, members + MOST_DRAWN + 1)
    assert (told["connected"], told["trouble"], told["unknown"]) == (members + MOST_DRAWN - 1, 1, 1)
    assert queries() <= few + 2
    assert few <= BUDGET


def test_guest_sees_the_map_and_htmx_the_live_part_alone(
    browser: Client, europe: ManagedCluster, acme: object, log_in: LogIn
) -> None:
    guest = log_in(world.person("gina", "Gina Guest", guest=acme))  # type: ignore[arg-type]  # a tenant
    html = guest.get("/europe/links/", headers={"HX-Request": "true"}).content.decode()
    assert 'id="links"' in html
    assert "<html" not in html
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", html)


def test_api_gives_the_same(browser: Client, europe: ManagedCluster) -> None:
    link(europe, "berlin.example", "paris.example", "suspect", reason="No answer", round_trip=3.0)
    told = browser.get("/api/v1/clusters/europe/links/").json()
    assert (told["total"], told["connected"], told["trouble"], told["whole"]) == (4, 3, 1, True)
    said = next(one for one in told["links"] if one["state"] == "suspect")
    assert (said["reason"], said["round_trip"]) == ("No answer", 3.0)


def test_nodes_stand_apart_on_the_ring_and_names_within_the_frame() -> None:
    for count in range(1, MOST_DRAWN + 1):
        found = ring.spots(count)
        assert len({(spot.x, spot.y) for spot in found}) == count
        for spot in found:
            assert 0 < spot.x < ring.WIDTH
            assert 0 < spot.text_y < ring.HEIGHT
        for one, other in pairwise(found):
            assert abs(one.x - other.x) + abs(one.y - other.y) > 22


def test_line_between_opposite_nodes_keeps_away_from_the_middle() -> None:
    top, _right, bottom, _left = ring.spots(4)
    drawn = ring.line(top, bottom)
    assert abs(drawn.x - ring.X) > 20
    straight = ring.line(top, ring.CENTRE)
    assert "Q" not in straight.path


def test_names_are_short_where_that_tells_them_apart() -> None:
    assert short_names(["a.example.com", "b.example.com", "c.org", "c.net", "192.0.2.1"]) == {
        "a.example.com": "a",
        "b.example.com": "b",
        "c.org": "c.org",
        "c.net": "c.net",
        "192.0.2.1": "192.0.2.1",
    }
