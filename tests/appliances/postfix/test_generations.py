"""Generations: new settings are in force, or the old ones run on; at every step and after every kill."""

from __future__ import annotations

import os
import smtplib
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliances.postfix import processes
from appliances.postfix.configuration import Configuration
from appliances.postfix.generations import ApplyRefused, Generations
from appliances.postfix.instance import Instance
from appliances.postfix.parts import Raw
from tests.appliances.postfix.conftest import PORT, Sink, banner, fresh_address, gateway, home, send, until

pytestmark = pytest.mark.root


@pytest.fixture
def generations(instance: Instance) -> Generations:
    return Generations(instance, timeout=5.0)


def missing_map(address: str) -> Configuration:
    configuration = gateway(address, banner="bad")
    configuration.set_raw("smtpd_sender_restrictions", "check_sender_access texthash:/nowhere/map")
    return configuration


def bad_restriction(address: str) -> Configuration:
    configuration = gateway(address, banner="bad")
    configuration.set("smtpd_sender_restrictions", "no_such_restriction")
    return configuration


def bad_action(address: str) -> Configuration:
    configuration = gateway(address, banner="bad")
    table = configuration.table("hat", "cidr", [("127.0.0.0/8", "no such action")])
    configuration.append("smtpd_client_restrictions", f"check_client_access {table}")
    return configuration


def bad_number(address: str) -> Configuration:
    configuration = gateway(address, banner="bad")
    configuration.set("smtpd_recipient_limit", "many")
    return configuration


def bad_time(address: str) -> Configuration:
    configuration = gateway(address, banner="bad")
    configuration.set("smtpd_timeout", "soon")
    return configuration


def open_relay(address: str) -> Configuration:
    configuration = gateway(address, banner="bad")
    configuration.set("smtpd_relay_restrictions", "")
    configuration.set("smtpd_recipient_restrictions", "permit")
    return configuration


def missing_certificate(address: str) -> Configuration:
    configuration = gateway(address, banner="bad")
    configuration.set("smtpd_tls_security_level", "may")
    configuration.set("smtpd_tls_chain_files", "/nowhere/cert.pem")
    return configuration


def bad_pattern(address: str) -> Configuration:
    configuration = gateway(address, banner="bad")
    configuration.set("header_checks", configuration.table("checks", "pcre", [("/(unclosed/", "REJECT")]))
    return configuration


def unknown_parameter(address: str) -> Configuration:
    configuration = gateway(address, banner="bad")
    configuration.set("smtpd_no_such_parameter", "1")
    return configuration


FAULTS = {
    missing_map: "shadow",
    bad_restriction: "shadow",
    bad_action: "shadow",
    bad_number: "shadow",
    bad_time: "shadow",
    open_relay: "shadow",
    missing_certificate: "shadow",
    bad_pattern: "validate",
    unknown_parameter: "validate",
}


def test_first_settings_start_postfix_and_next_ones_change_it(generations: Generations, address: str) -> None:
    first = generations.apply(gateway(address))
    assert (first.generation, first.busy, first.unchanged) == (1, (), False)
    assert set(first.seconds) == {"ports", "write", "validate", "shadow", "flip", "reload", "confirm"}
    assert banner(address).endswith("one")
    pid = generations.instance.pid
    second = generations.apply(gateway(address, banner="two"))
    assert second.generation == 2
    assert banner(address).endswith("two")
    assert generations.instance.pid == pid
    assert generations.current is not None
    assert generations.current.digest == second.digest == gateway(address, banner="two").digest()
    assert not generations.instance.place.shadow.base.exists()


def test_same_settings_again_change_nothing(generations: Generations, address: str) -> None:
    generations.apply(gateway(address))
    again = generations.apply(gateway(address))
    assert (again.generation, again.unchanged) == (1, True)
    generations.instance.stop()
    assert not generations.apply(gateway(address)).unchanged
    assert banner(address).endswith("one")


@pytest.fixture(scope="module")
def steady() -> Iterator[tuple[Generations, str]]:
    """An instance that runs well; what is refused changes nothing, so that all the faults can share it."""
    if os.geteuid():
        pytest.skip("Postfix needs root")
    with home() as place:
        generations, address = Generations(Instance(place), timeout=5.0), fresh_address()
        generations.apply(gateway(address), shadow=False)
        yield generations, address


@pytest.mark.parametrize(("fault", "step"), FAULTS.items(), ids=[fault.__name__ for fault in FAULTS])
def test_faulty_settings_are_refused_before_mail_sees_them(
    steady: tuple[Generations, str], fault: Callable[[str], Configuration], step: str
) -> None:
    """What `postfix check` does not notice, one by one."""
    generations, address = steady
    before = generations.instance.log_end()
    with pytest.raises(ApplyRefused) as caught:
        generations.apply(fault(address))
    assert caught.value.step == step
    assert caught.value.lines
    assert generations.store.current == 1
    lines = generations.instance.log_since(before)
    # The end of a connection from before may be logged late.
    new = [line for line in lines if "connect" not in line]
    assert not [line for line in new if "smtpd[" in line or "reload" in line]
    assert banner(address).endswith("one")


@pytest.mark.parametrize(
    "fault", [missing_map, bad_restriction, bad_number], ids=lambda fault: fault.__name__
)
def test_fault_without_a_trial_is_found_after_the_switch_and_undone(
    generations: Generations, address: str, fault: Callable[[str], Configuration]
) -> None:
    generations.apply(gateway(address), shadow=False)
    with pytest.raises(ApplyRefused) as caught:
        generations.apply(fault(address), shadow=False)
    assert (caught.value.step, caught.value.reverted) == ("confirm", True)
    assert caught.value.lines
    assert banner(address).endswith("one")
    assert generations.store.pending is None
    third = generations.apply(gateway(address, banner="three"), shadow=False)
    assert third.generation == 3
    assert banner(address).endswith("three")


def test_fault_in_the_first_settings_leaves_nothing_running(generations: Generations, address: str) -> None:
    with pytest.raises(ApplyRefused, match="/nowhere/map"):
        generations.apply(missing_map(address), shadow=False)
    assert not generations.instance.running
    assert generations.current is None
    generations.apply(gateway(address))
    assert banner(address).endswith("one")


def test_port_of_another_program_is_told_before_anything_is_written(
    generations: Generations, address: str
) -> None:
    generations.apply(gateway(address), shadow=False)
    with socket.socket() as foreign:
        taken = fresh_address()
        foreign.bind((taken, PORT))
        foreign.listen()
        configuration = gateway(address, banner="two")
        configuration.inet_service(taken, PORT, name="private")
        with pytest.raises(
            ApplyRefused, match=f"port {PORT} of {taken} is held by .*{os.getpid()}"
        ) as caught:
            generations.apply(configuration)
    assert caught.value.step == "ports"
    assert generations.store.numbers() == [1]
    assert banner(address).endswith("one")


def test_address_that_the_machine_lacks_is_told(generations: Generations) -> None:
    with pytest.raises(ApplyRefused, match=r"this machine has no address 192\.0\.2\.7"):
        generations.apply(gateway("192.0.2.7"))


def test_service_that_does_not_run_is_told(generations: Generations, address: str) -> None:
    configuration = gateway(address)
    configuration.set_raw("smtpd_milters", "unix:private/gatefold")
    with pytest.raises(ApplyRefused, match="the service at private/gatefold does not run"):
        generations.apply(configuration)


def test_listeners_come_and_go_while_others_answer(generations: Generations, address: str) -> None:
    second = fresh_address()
    generations.apply(gateway(address), shadow=False)
    both = gateway(address)
    both.inet_service(second, PORT, name="private", options={"smtpd_banner": f"{second} private"})
    generations.apply(both)
    assert banner(second).endswith("private")
    generations.apply(gateway(address))
    until(lambda: not processes.holders(second, PORT))
    with pytest.raises(ConnectionRefusedError):
        banner(second)
    assert banner(address).endswith("one")


def test_smtps_listener_is_tried_and_confirmed(
    generations: Generations, address: str, tmp_path: Path
) -> None:
    pem, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=gw -keyout {pem} -out {cert}".split(),
        check=True,
        capture_output=True,
    )
    configuration = Configuration()
    configuration.set("smtpd_peername_lookup", "no")
    chain = configuration.file("gw1.pem", pem.read_text() + cert.read_text(), secret=True)
    options = {
        "smtpd_tls_wrappermode": "yes",
        "smtpd_tls_chain_files": chain,
        "smtpd_tls_security_level": "encrypt",
    }
    configuration.inet_service(address, 4650, name="smtps", options=options)
    assert generations.apply(configuration).generation == 1


def test_listener_that_refuses_us_at_connect_is_confirmed(generations: Generations, address: str) -> None:
    configuration = gateway(address)
    hat = configuration.table("hat", "cidr", [("127.0.0.0/8", "521 5.7.1 not you")])
    configuration.set("smtpd_delay_reject", "no")
    configuration.append("smtpd_client_restrictions", f"check_client_access {hat}")
    assert generations.apply(configuration).busy == ()


def test_busy_listener_is_named_and_not_a_fault(instance: Instance, address: str) -> None:
    generations = Generations(instance, timeout=1.0, shadow=False)
    configuration = Configuration()
    configuration.set("smtpd_peername_lookup", "no")
    configuration.inet_service(address, PORT, name="small", maxproc=1)
    generations.apply(configuration)
    checkpoint_client: list[smtplib.SMTP] = []

    def occupy(step: str) -> None:
        if step == "reloaded":
            client = smtplib.SMTP(address, PORT, timeout=10)
            client.ehlo()
            checkpoint_client.append(client)

    generations.checkpoint = occupy
    changed = Configuration()
    changed.set("smtpd_peername_lookup", "no")
    changed.set("mail_name", "Changed")
    changed.inet_service(address, PORT, name="small", maxproc=1)
    try:
        assert generations.apply(changed).busy == ("small",)
    finally:
        checkpoint_client[0].close()


def test_mail_flows_during_many_changes(generations: Generations, address: str, sink: Sink) -> None:
    """Mail never stops: no client is refused or cut, no message is lost."""
    generations.apply(gateway(address, sink), shadow=False)
    failures: list[object] = []
    sent: list[str] = []
    stop = threading.Event()

    def sender() -> None:
        while not stop.is_set():
            number = f"n{len(sent)}"
            try:
                code, text = send(address, f"Subject: {number}\r\n\r\nx\r\n")
            except (OSError, smtplib.SMTPException) as error:
                failures.append(error)
                continue
            sent.append(number)
            if code != 250:
                failures.append(text)

    thread = threading.Thread(target=sender)
    thread.start()
    try:
        for number in range(6):
            if number % 3 == 2:
                with pytest.raises(ApplyRefused):
                    generations.apply(missing_map(address))
            else:
                generations.apply(gateway(address, sink, banner=f"b{number}"), shadow=False)
    finally:
        stop.set()
        thread.join()
    assert not failures
    assert len(sent) > 5
    generations.instance.command("/usr/sbin/postqueue", "-f")
    until(lambda: len(sink.messages) >= len(sent), 20)
    subjects = {
        line.decode() for m in sink.messages for line in m.content.split(b"\r\n") if line[:8] == b"Subject:"
    }
    assert subjects == {f"Subject: {number}" for number in sent}


def test_old_generations_are_forgotten_but_ten(instance: Instance, address: str) -> None:
    generations = Generations(instance, shadow=False, keep=3)
    for number in range(5):
        generations.apply(gateway(address, banner=f"b{number}"))
    assert generations.store.numbers() == [3, 4, 5]
    assert Generations(instance).store.keep == 10


def test_damaged_generation_file_does_not_block_new_settings(generations: Generations, address: str) -> None:
    generations.apply(gateway(address), shadow=False)
    (generations.store.directory(1) / "generation.json").write_text("{")
    assert generations.apply(gateway(address), shadow=False).generation == 2


def test_generations_are_changed_by_one_at_a_time(generations: Generations, address: str) -> None:
    generations.apply(gateway(address), shadow=False)
    results: list[int] = []

    def change(name: str) -> None:
        results.append(
            Generations(generations.instance, shadow=False).apply(gateway(address, banner=name)).generation
        )

    threads = [threading.Thread(target=change, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [2, 3, 4]
    assert generations.store.current == 4


def test_suspended_listener_answers_421_and_is_confirmed(generations: Generations, address: str) -> None:
    configuration = Configuration()
    configuration.set("smtpd_peername_lookup", "no")
    configuration.set("smtpd_delay_reject", "no")
    stop = Raw("check_client_access static:{421 4.3.2 suspended}")
    configuration.inet_service(address, PORT, name="public", options={"smtpd_client_restrictions": stop})
    assert generations.apply(configuration).generation == 1


def test_answer_of_another_generation_is_no_confirmation(instance: Instance, address: str) -> None:
    generations = Generations(instance, shadow=False, timeout=1.0)
    generations.apply(gateway(address))

    def undo(step: str) -> None:
        if step == "reloaded":
            generations.store.point(1)
            instance.reload()
            until(lambda: banner(address).endswith("one"))

    generations.checkpoint = undo
    with pytest.raises(ApplyRefused, match="listener public is answered by generation 1") as caught:
        generations.apply(gateway(address, banner="two"))
    assert caught.value.step == "confirm"
    assert banner(address).endswith("one")
