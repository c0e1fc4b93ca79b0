"""Instance: starts, reloads, stops, and finds out about ports and orphans before harm is done."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import smtplib
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliances.postfix import logjam, processes
from appliances.postfix.configuration import Configuration
from appliances.postfix.instance import Instance, InstanceError, PortTaken
from appliances.postfix.log import Position
from appliances.postfix.parts import Place
from tests.appliances.postfix.conftest import PORT, banner, gateway, until

pytestmark = pytest.mark.root


def install(place: Place, configuration: Configuration, number: int = 1) -> None:
    """What Generations does, without its care."""
    configuration.write(place.base / f"etc.{number}", place, generation=number)
    place.etc.unlink(missing_ok=True)
    os.symlink(f"etc.{number}", place.etc)


@pytest.fixture
def other() -> Iterator[Place]:
    base = Path(tempfile.mkdtemp(prefix="gf-", dir="/tmp"))
    base.chmod(0o755)
    yield Place(base)
    Instance(Place(base)).stop()
    shutil.rmtree(base)


def test_instance_starts_reloads_and_stops(instance: Instance, address: str) -> None:
    place = instance.place
    install(place, gateway(address))
    assert not instance.status().running
    instance.start()
    assert instance.status().pid == instance.pid
    assert banner(address).endswith("one")
    install(place, gateway(address, banner="two"), 2)
    instance.reload()
    until(lambda: banner(address).endswith("two"))
    instance.stop()
    assert not instance.running
    assert not instance.processes
    assert processes.holders(address, PORT) == set()


def test_etc_postfix_is_never_touched(instance: Instance, address: str) -> None:
    def look() -> list[tuple[str, float]]:
        return sorted((str(path), path.stat().st_mtime) for path in Path("/etc/postfix").rglob("*"))

    before = look()
    install(instance.place, gateway(address))
    instance.start()
    instance.reload()
    instance.stop()
    assert look() == before


def test_open_session_survives_a_reload(instance: Instance, address: str) -> None:
    install(instance.place, gateway(address))
    instance.start()
    with smtplib.SMTP(address, PORT, timeout=10) as client:
        client.ehlo()
        install(instance.place, gateway(address, banner="two"), 2)
        instance.reload()
        until(lambda: banner(address).endswith("two"))
        assert client.mail("s@client.test")[0] == 250
        assert client.rcpt("a@relay.test")[0] == 250


def test_start_is_refused_where_another_postfix_holds_the_port(
    instance: Instance, other: Place, address: str
) -> None:
    """Two masters can hold one port without any error of Postfix (SO_REUSEPORT)."""
    install(instance.place, gateway(address))
    instance.start()
    install(other, gateway(address, banner="thief"))
    with pytest.raises(PortTaken, match=f"port {PORT} of {address} is held by master"):
        Instance(other).start()
    assert not Instance(other).running
    assert banner(address).endswith("one")


def test_start_is_refused_where_a_program_listens_on_all_addresses(instance: Instance, address: str) -> None:
    with socket.socket() as foreign:
        foreign.bind(("0.0.0.0", 0))
        foreign.listen()
        port = foreign.getsockname()[1]
        install(instance.place, gateway(address, port=port))
        with pytest.raises(PortTaken, match=str(os.getpid())):
            instance.start()


def test_daemons_that_come_and_go_are_not_taken_for_others(instance: Instance, address: str) -> None:
    """Under load Postfix starts a daemon between any two looks; that is nobody else on the port."""
    install(instance.place, gateway(address))
    instance.start()
    ended = threading.Event()

    def load() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError), contextlib.ExitStack() as clients:
                for _ in range(4):
                    clients.enter_context(socket.create_connection((address, PORT), timeout=10))

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(60):
            if number % 10 == 0:
                instance.reload()
            instance.check_ports([(address, PORT)])
    finally:
        ended.set()
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def jammed_log(instance: Instance) -> Iterator[list[str]]:
    """The log service takes nothing more and its socket is full; the lines that wait there."""
    logged = Position()
    assert instance.await_line(logged, lambda line: "daemon started" in line, 10)
    (service,) = [pid for pid, name in instance.processes.items() if name == "postlogd"]
    waiting: list[str] = []
    os.kill(service, signal.SIGSTOP)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as writer:
            writer.setblocking(False)
            writer.connect(str(instance.place.spool / "public" / "postlog"))
            with contextlib.suppress(BlockingIOError):
                while True:
                    line = f"Nov 24 12:00:00 mx gf1/test[1]: line {len(waiting)}"
                    writer.send(line.encode())
                    waiting.append(line)
        yield waiting
    finally:
        os.kill(service, signal.SIGCONT)


def test_reload_with_a_jammed_log_frees_postfix_and_loses_no_line(instance: Instance, address: str) -> None:
    """In a flood of sessions postlogd and the master can wait for one another for ever."""
    install(instance.place, gateway(address))
    instance.start()
    with jammed_log(instance) as waiting:
        instance.reload()
        assert [line for line in instance.log_since(Position()) if "gf1/test" in line] == waiting
    assert banner(address).endswith("one")


def test_master_held_up_by_its_log_is_freed_by_the_supervision(instance: Instance, address: str) -> None:
    install(instance.place, gateway(address))
    instance.start()
    with jammed_log(instance):
        assert instance.pid is not None
        os.kill(instance.pid, signal.SIGHUP)
        until(lambda: logjam.held_up(instance.pid or 0))
        assert not instance.supervise()
        until(lambda: not logjam.held_up(instance.pid or 0))


def test_orphans_of_a_killed_master_are_ended_before_start(instance: Instance, address: str) -> None:
    install(instance.place, gateway(address))
    instance.start()
    first = instance.pid
    assert first is not None
    with smtplib.SMTP(address, PORT, timeout=10) as held:
        held.ehlo()
        os.kill(first, signal.SIGKILL)
        until(lambda: not instance.running)
        orphans = set(instance.processes)
        assert orphans
        assert instance.supervise()
        assert instance.pid not in (None, first)
        assert not orphans & set(instance.processes)
    assert banner(address).endswith("one")
    assert not instance.supervise()


def test_orphaned_master_without_pid_file_is_ended_before_start(instance: Instance, address: str) -> None:
    install(instance.place, gateway(address))
    instance.start()
    first = instance.pid
    (instance.place.spool / "pid" / "master.pid").write_text("1\n")
    assert instance.pid is None
    instance.start()
    assert instance.pid not in (None, first)
    # The master's own starter, of the same name, ends a moment later.
    until(lambda: [name for name in instance.processes.values() if name == "master"] == ["master"])


def test_start_tells_what_postfix_says(instance: Instance, address: str) -> None:
    install(instance.place, gateway(address))
    with (instance.place.etc / "master.cf").open("a") as stream:
        stream.write("this is no service\n")
    with pytest.raises(InstanceError, match="could not start: fatal") as caught:
        instance.start()
    assert caught.value.lines


def test_start_without_settings_is_refused(instance: Instance) -> None:
    with pytest.raises(InstanceError, match="no settings"):
        instance.supervise()
    assert list(instance.place.base.iterdir()) == []


def test_stop_of_what_does_not_run_is_nothing(instance: Instance) -> None:
    instance.stop()
    instance.stop()
    assert not instance.running


def test_foreign_pid_in_the_pid_file_is_not_ours(instance: Instance, address: str) -> None:
    install(instance.place, gateway(address))
    instance.prepare()
    (instance.place.spool / "pid").mkdir()
    (instance.place.spool / "pid" / "master.pid").write_text(f"{os.getpid()}\n")
    assert not instance.running
    instance.stop()


def test_first_start_needs_no_cooling_down(instance: Instance, address: str) -> None:
    """Postfix waits some seconds for a main.cf that is younger than 2 s."""
    import time

    install(instance.place, gateway(address))
    began = time.monotonic()
    instance.start()
    banner(address)
    cool = time.monotonic() - began
    instance.stop()
    (instance.place.etc / "main.cf").touch()
    began = time.monotonic()
    instance.start()
    banner(address)
    assert time.monotonic() - began > cool


def test_connections_count_clients_of_a_port(instance: Instance, address: str) -> None:
    install(instance.place, gateway(address))
    instance.start()
    assert processes.connections(address, PORT) == 0
    with smtplib.SMTP(address, PORT, timeout=10), smtplib.SMTP(address, PORT, timeout=10):
        assert processes.clients(address, PORT) == ["127.0.0.1", "127.0.0.1"]
