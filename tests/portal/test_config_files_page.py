"""System Administration > Configuration File: save, backups, the steps of loading (LOAD-01..LOAD-11)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone
from lxml import etree

from appliances.features.userconfig import FEATURE, initial_users
from clusters import drafts, replicas
from clusters.config_files.reading import read
from clusters.installed import catalogue
from clusters.modes import CLUSTER, machine
from portal.config_files import backups, uploads
from portal.config_files.backups import Backup
from portal.config_files.uploads import Upload
from portal.tasks import back_up
from portal.tenants import ManagedCluster
from tests.portal import world
from tests.portal.conftest import Call, LogIn

PAGE = "/europe/cluster/system_administration/configuration_file"
SECRET = "a long passphrase"
HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$Zm9yIHRlc3RzIG9ubHksIG5vdCByZWFs"


USERS = FEATURE.check(initial_users(HASH))


@pytest.fixture
def browser(europe: ManagedCluster, alice: User, log_in: LogIn) -> Client:
    world.define(europe, CLUSTER, "userconfig", USERS)
    return log_in(alice)


def saved(browser: Client, page: str = PAGE, passphrase: str = SECRET) -> str:
    secrets = "encrypted" if passphrase else "masked"
    answer = browser.post(page, {"do": "save", "secrets": secrets, "passphrase": passphrase})
    assert answer.status_code == 200, answer.content.decode()
    assert "attachment" in answer.headers["Content-Disposition"]
    return answer.content.decode()


def sent(browser: Client, text: str | bytes, choice: str = "cluster", passphrase: str = SECRET) -> object:
    raw = text.encode() if isinstance(text, str) else text
    told = {"do": "load", "choice": choice, "file_passphrase": passphrase}
    return browser.post(PAGE, {**told, "file": SimpleUploadedFile("europe.xml", raw)})


def begun(browser: Client, text: str, choice: str = "cluster") -> str:
    answer = sent(browser, text, choice)
    assert answer.status_code == 302, answer.content.decode()  # type: ignore[attr-defined]  # a test response
    return str(answer.headers["Location"])  # type: ignore[attr-defined]  # a test response


def seen_of(html: str) -> str:
    return html.split('name="seen" value="')[1].split('"')[0]


def serial(europe: ManagedCluster, name: str) -> str:
    return world.mode_of(europe, name).id


def everything_kept() -> str:
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        return "".join(str(cursor.execute(f"SELECT * FROM {table}").fetchall()) for table in tables)


# saving


def test_cluster_is_saved_and_loads_again(browser: Client, europe: ManagedCluster) -> None:
    """LOAD-03, LOAD-05: the page is in cluster mode."""
    file = read(saved(browser), catalogue(), SECRET)
    assert file.kind == "cluster"
    assert {m.name for m in file.machines} == {"berlin.example", "rome.example", "paris.example"}
    assert file.cluster["smtproutes"] == world.routes(a_example="192.0.2.1")


def test_machine_mode_saves_that_machine_flattened_and_loads_nothing(
    browser: Client, europe: ManagedCluster
) -> None:
    """LOAD-05: in machine mode the section for loading is not there."""
    page = PAGE.replace("/cluster/", f"/machine/{serial(europe, 'paris.example')}/")
    html = browser.get(page).content.decode()
    assert "Save this machine" in html
    assert "Read the file" not in html
    file = read(saved(browser, page), catalogue(), SECRET)
    assert file.kind == "machine"
    assert file.machines[0].settings["smtproutes"] == world.routes(a_example="192.0.2.2")
    assert browser.post(page, {"do": "load"}).status_code == 200
    assert not Upload.objects.exists()
    group = PAGE.replace("/cluster/", f"/group/{world.mode_of(europe, 'Paris').id}/")
    assert "Nothing to save in group mode" in browser.get(group).content.decode()


def test_secrets_are_masked_or_encrypted_and_masked_ones_do_not_load(
    browser: Client, europe: ManagedCluster
) -> None:
    """LOAD-10."""
    masked = saved(browser, passphrase="")
    assert HASH not in masked
    answer = sent(browser, masked)
    assert answer.status_code == 422  # type: ignore[attr-defined]  # a test response
    assert "is masked" in answer.content.decode()  # type: ignore[attr-defined]  # a test response
    encrypted = saved(browser)
    assert HASH not in encrypted
    assert begun(browser, encrypted)
    assert HASH not in everything_kept()
    assert SECRET not in everything_kept()
    short = browser.post(PAGE, {"do": "save", "secrets": "encrypted", "passphrase": "short"})
    assert short.status_code == 422


def test_schema_is_given_and_fits_what_is_saved(browser: Client) -> None:
    """LOAD-09."""
    answer = browser.get("/europe/configuration_file/schema.xsd")
    found = etree.XMLSchema(etree.fromstring(answer.content))
    found.assertValid(etree.fromstring(saved(browser).encode()))


# loading


def test_cluster_is_loaded_by_groups_appliances_review_and_confirm(
    browser: Client, europe: ManagedCluster
) -> None:
    """LOAD-01, LOAD-04, LOAD-06, LOAD-08: nothing is active before the commit."""
    berlin, rome = serial(europe, "berlin.example"), serial(europe, "rome.example")
    world.define(europe, machine(berlin), "smtproutes", world.routes(b_example="192.0.2.7"))
    text = saved(browser)
    paris = world.mode_of(europe, "Paris")
    world.define(europe, paris, "smtproutes", world.routes(other_example="192.0.2.99"))
    world.define(europe, machine(berlin), "smtproutes", world.routes(other_example="192.0.2.99"))
    world.define(europe, machine(rome), "smtproutes", world.routes(other_example="192.0.2.99"))
    vector = replicas.vector(europe.replica_id)

    where = begun(browser, text)
    html = browser.get(where).content.decode()
    assert "Complete and valid" in html
    assert "Cluster is formed" in html
    file = Upload.objects.get().file
    groups = {f"group.{each.id}": each.id for each in file.groups}
    answer = browser.post(where, {"do": "groups", "cluster": "on", **groups})
    html = browser.get(answer.headers["Location"]).content.decode()
    assert "Don't Copy" in html
    answer = browser.post(where, {"do": "appliances", f"machine.{berlin}": berlin})
    html = browser.get(answer.headers["Location"]).content.decode()
    assert "192.0.2.99" in html
    assert "Whom this reaches" in html
    answer = browser.post(where, {"do": "confirm", "seen": seen_of(html)})
    assert answer.headers["Location"] == "/europe/pending/"

    assert replicas.vector(europe.replica_id) == vector
    pending = drafts.pending(europe.replica_id, "alice")
    assert {change.mode for change in pending} == {paris, machine(berlin)}
    assert not Upload.objects.exists()
    assert Backup.objects.get().why == Backup.Why.LOAD
    assert "no longer here" in browser.get(where, follow=True).content.decode()


def test_menu_of_appliances_is_limited_to_the_chosen_group(browser: Client, europe: ManagedCluster) -> None:
    """LOAD-06: and what is not offered is not taken."""
    paris, berlin = serial(europe, "paris.example"), serial(europe, "berlin.example")
    where = begun(browser, saved(browser))
    main, other = Upload.objects.get().file.groups
    answer = browser.post(where, {"do": "groups", f"group.{world.mode_of(europe, 'Paris').id}": main.id})
    html = browser.get(answer.headers["Location"]).content.decode()
    offered = html.split(f'name="machine.{paris}"')[1].split("</select>")[0]
    assert berlin in offered
    assert f'value="{paris}"' not in offered
    browser.post(where, {"do": "appliances", f"machine.{paris}": paris, f"machine.{berlin}": berlin})
    assert Upload.objects.get().chosen["machines"] == {}
    assert other.id not in Upload.objects.get().chosen["groups"].values()


def test_one_appliance_goes_to_one_machine(browser: Client, europe: ManagedCluster) -> None:
    """LOAD-07."""
    berlin, rome = serial(europe, "berlin.example"), serial(europe, "rome.example")
    world.define(europe, machine(berlin), "smtproutes", world.routes(b_example="192.0.2.7"))
    where = begun(browser, saved(browser), "appliance")
    assert browser.post(where, {"do": "appliance", "here": "X", "there": berlin}).status_code == 302
    assert "machines" not in Upload.objects.get().chosen
    answer = browser.post(where, {"do": "appliance", "here": rome, "there": berlin})
    html = browser.get(answer.headers["Location"]).content.decode()
    browser.post(where, {"do": "confirm", "seen": seen_of(html)})
    (pending,) = drafts.pending(europe.replica_id, "alice")
    assert (pending.mode, pending.address.name) == (machine(rome), "smtproutes")


def test_interfaces_that_differ_are_pointed_out(browser: Client, europe: ManagedCluster) -> None:
    """LOAD-04: names of interfaces, SSH and CCS."""
    berlin = machine(serial(europe, "berlin.example"))

    def interfaces(port: int) -> dict[str, object]:
        one = {"name": "Management", "ip": "192.0.2.10", "hostname": "berlin.example"}
        return {"interfaces": [{**one, "ssh": {"enabled": True, "port": port}}]}

    world.define(europe, berlin, "interfaceconfig", interfaces(22))
    where = begun(browser, saved(browser), "appliance")
    same = browser.post(where, {"do": "appliance", "here": berlin.id, "there": berlin.id}, follow=True)
    assert "may lose" not in same.content.decode()
    world.define(europe, berlin, "interfaceconfig", interfaces(2022))
    assert "The members may lose berlin.example" in browser.get(f"{where}?step=review").content.decode()


def test_file_of_full_tables_is_taken_by_page_and_api(
    browser: Client, europe: ManagedCluster, alice: User, calls: Call
) -> None:
    """TRL-17: one of 12 MB; the portal once refused its own above 8 MB."""
    filling = f"<!--{'x' * 4000}-->" * 3000
    text = saved(browser).replace("</config>", f"{filling}</config>")

    assert begun(browser, text)

    told = {"text": text, "passphrase": SECRET, "dry_run": True}
    where = "/api/v1/clusters/europe/configuration-file/load/"
    assert calls(alice).post(where, told, format="json").status_code == 200


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: text[:-40], "Line "),
        (lambda text: text.replace("smtproutes>", "unheard>"), "is not known here"),
        (lambda text: text.replace("<cluster ", "<cluster/><cluster ", 1), "is there twice"),
        (lambda text: text.replace("192.0.2.1", "no host at all", 1), "Line "),
        (lambda text: text.replace("<config ", "<!DOCTYPE x SYSTEM 'x'><config ", 1), "document type"),
        (lambda text: "", "Line"),
        (lambda text: b"\xff\xfe" + text.encode(), "this is UTF-16, not UTF-8"),
        (lambda text: "x" * (uploads.MOST_BYTES + 1), "MB"),
    ],
)  # fmt: skip
def test_broken_file_is_refused_with_its_line_and_nothing_is_loaded(
    browser: Client, europe: ManagedCluster, spoil: object, words: str
) -> None:
    """LOAD-09, LOAD-11."""
    answer = sent(browser, spoil(saved(browser)) or " ")  # type: ignore[operator]  # a function of the table
    assert answer.status_code == 422  # type: ignore[attr-defined]  # a test response
    assert words in answer.content.decode()  # type: ignore[attr-defined]  # a test response
    assert not Upload.objects.exists()
    assert not drafts.pending(europe.replica_id, "alice")


def test_file_of_a_machine_is_refused(browser: Client, europe: ManagedCluster) -> None:
    """LOAD-02."""
    page = PAGE.replace("/cluster/", f"/machine/{serial(europe, 'rome.example')}/")
    answer = sent(browser, saved(browser, page))
    assert answer.status_code == 422  # type: ignore[attr-defined]  # a test response
    assert "this is the file of one machine" in answer.content.decode()  # type: ignore[attr-defined]  # a test response


def test_review_that_is_no_longer_true_is_shown_again(browser: Client, europe: ManagedCluster) -> None:
    """LOAD-08."""
    text = saved(browser)
    world.define(europe, CLUSTER, "smtproutes", world.routes(x_example="192.0.2.3"))
    where = begun(browser, text)
    browser.post(where, {"do": "groups", "cluster": "on"})
    browser.post(where, {"do": "appliances"})
    seen = seen_of(browser.get(f"{where}?step=review").content.decode())
    world.define(europe, world.mode_of(europe, "Paris"), "smtproutes", world.routes(y_example="192.0.2.3"))
    assert browser.post(where, {"do": "confirm", "seen": "0" * 16}).status_code == 409
    assert not drafts.pending(europe.replica_id, "alice")
    assert browser.post(where, {"do": "confirm", "seen": seen}).status_code == 302


def test_waiting_file_belongs_to_its_person_and_does_not_wait_for_ever(
    browser: Client, europe: ManagedCluster, bob: User, log_in: LogIn
) -> None:
    where = begun(browser, saved(browser))
    other = world.person("anna", "Anna", administrator=europe.tenant)
    assert log_in(other).get(where).status_code == 302
    assert log_in(bob).get(where).status_code == 403
    Upload.objects.update(expires=timezone.now())
    assert browser.get(where).status_code == 302
    uploads.forget_expired()
    assert not Upload.objects.exists()


def test_operator_saves_and_does_not_load(europe: ManagedCluster, bob: User, log_in: LogIn) -> None:
    client = log_in(bob)
    text = saved(client)
    assert "Read the file" not in client.get(PAGE).content.decode()
    assert sent(client, text).status_code == 403  # type: ignore[attr-defined]  # a test response
    reader = log_in(world.person("rita", "Rita", readonly=europe.tenant))
    assert reader.get(PAGE).status_code == 403


# backups


def test_backup_is_a_version_that_opens_with_the_portals_key_alone(
    browser: Client, europe: ManagedCluster
) -> None:
    """LOAD-03, LOAD-10: downloaded with another passphrase, or masked."""
    assert browser.post(PAGE, {"do": "back_up"}).status_code == 302
    row = Backup.objects.get()
    assert HASH not in row.text
    assert row.opened().cluster["userconfig"] == USERS
    url = f"/europe/configuration_file/backups/{row.number}/"
    given = browser.post(url, {"do": "download", "secrets": "encrypted", "passphrase": SECRET})
    assert read(given.content.decode(), catalogue(), SECRET).cluster["userconfig"] == USERS
    masked = browser.post(url, {"do": "download", "secrets": "masked"}).content.decode()
    assert HASH not in masked
    assert browser.post("/europe/configuration_file/backups/99/").status_code == 404


def test_backup_is_restored_through_the_steps_of_loading(browser: Client, europe: ManagedCluster) -> None:
    """LOAD-03: with a preview."""
    browser.post(PAGE, {"do": "back_up"})
    world.define(europe, CLUSTER, "smtproutes", world.routes(x_example="192.0.2.3"))
    where = browser.post("/europe/configuration_file/backups/1/", {"do": "load"}).headers["Location"]
    browser.post(where, {"do": "groups", "cluster": "on"})
    browser.post(where, {"do": "appliances"})
    html = browser.get(f"{where}?step=review").content.decode()
    browser.post(where, {"do": "confirm", "seen": seen_of(html)})
    (pending,) = drafts.pending(europe.replica_id, "alice")
    assert pending.value == world.routes(a_example="192.0.2.1")


def test_new_version_is_made_only_of_what_has_changed_and_the_last_thirty_stay(
    europe: ManagedCluster, secret: ManagedCluster
) -> None:
    back_up()
    back_up()
    assert Backup.objects.count() == 2
    Backup.objects.update(same=timezone.now() - timedelta(days=2))
    back_up()
    assert Backup.objects.count() == 2
    assert Backup.objects.filter(same__gt=timezone.now() - timedelta(hours=1)).count() == 2
    for number in range(31):
        world.define(europe, CLUSTER, "smtproutes", world.routes(**{f"x{number}_example": "192.0.2.3"}))
        backups.keep(europe, Backup.Why.PERSON)
    kept = list(Backup.objects.filter(cluster=europe).values_list("number", flat=True))
    assert kept == list(range(32, 2, -1))


def test_backup_of_others_is_not_found(
    browser: Client, europe: ManagedCluster, secret: ManagedCluster, charlie: User, log_in: LogIn
) -> None:
    backups.keep(secret, Backup.Why.PERSON)
    assert browser.post("/blacksite/configuration_file/backups/1/", {"do": "load"}).status_code == 404
    assert log_in(charlie).post("/europe/configuration_file/backups/1/").status_code == 404
