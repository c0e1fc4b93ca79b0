"""What each kind of caller may and may not do on a service, tried with asyncssh and OpenSSH's own clients."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import asyncssh
import pytest

from appliances.links.calling import Target
from appliances.links.errors import Reason
from appliances.links.gate import Crowd, Gate, Guesses
from appliances.links.identity import public_text
from appliances.links.peer import Refusal
from appliances.links.server import Limits
from appliances.links.ssh import CLUSTER_USER, SUBSYSTEM, ServiceKind
from tests.appliances.links.conftest import QUICKLY, fresh_key, until


def login(target: Target, user: str, **options):
    plain = {"known_hosts": None, "config": None, "agent_path": None, "client_keys": None}
    return asyncssh.connect(target.address, target.port, username=user, **{**plain, **options})


async def openssh(target: Target, *words: str, key: asyncssh.SSHKey, user: str, home, stdin: str = ""):
    identity = home / "id"
    identity.write_bytes(key.export_private_key())
    identity.chmod(0o600)
    options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
    process = await asyncio.create_subprocess_exec(
        "ssh", "-F", "none", "-i", identity, "-p", str(target.port),
        *[part for option in options for part in ("-o", option)],
        "-l", user, target.address, *words,
        stdin=-1, stdout=-1, stderr=-1,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 30)
    return process.returncode, out.decode(), err.decode()


async def test_user_with_a_passphrase_runs_a_command_and_a_shell(box):
    target = await box("A").listen()

    async with login(target, "ops", password="operator") as conn:
        command = await conn.run("version")
        shell = await conn.run(None, input="")

    assert (command.stdout, command.exit_status) == ("ops (operator) ran version\n", 0)
    assert shell.stdout == "ops (operator) ran None\n"


async def test_openssh_client_logs_in_with_a_key_and_runs_commands(box, tmp_path):
    machine = box("A")
    key, public = fresh_key()
    machine.people.user_keys["admin", public] = "admin"
    target = await machine.listen()

    status, out, _ = await openssh(target, "clustermode", "cluster", key=key, user="admin", home=tmp_path)
    assert (status, out) == (0, "admin (administrator) ran clustermode cluster\n")
    _, out, _ = await openssh(target, "cat", key=key, user="admin", home=tmp_path, stdin="two\nlines\n")
    assert out.endswith("ran cat\ntwo\nlines\n")


async def test_failing_command_says_so_and_the_service_goes_on(box, tmp_path, caplog):
    machine = box("A")
    key, public = fresh_key()
    machine.people.user_keys["ops", public] = "ops"
    target = await machine.listen()

    status, _, err = await openssh(target, "fail", key=key, user="ops", home=tmp_path)
    assert status == 70
    assert "internal error" in err
    assert "on purpose" not in err
    assert (await openssh(target, "fine", key=key, user="ops", home=tmp_path))[0] == 0


@pytest.mark.parametrize(
    ("user", "passphrase"), [("admin", "wrong"), ("nobody", "ironport"), ("", ""), (CLUSTER_USER, "cluster")]
)
async def test_login_with_a_wrong_passphrase_or_user_is_refused(box, user, passphrase):
    target = await box("A").listen()

    with pytest.raises((asyncssh.PermissionDenied, asyncssh.DisconnectError)):
        await login(target, user, password=passphrase)


async def test_login_ends_after_too_many_wrong_passphrases(box):
    machine = box("A")
    target = await machine.listen(limits=Limits(wrong_passphrases=2))
    tries = iter(["one", "two", "three", "ironport"])

    class Guesser(asyncssh.SSHClient):
        def password_auth_requested(self) -> str | None:
            return next(tries, None)

    with pytest.raises(asyncssh.DisconnectError, match="too many wrong passphrases"):
        await login(target, "admin", client_factory=Guesser)
    assert "ironport" in list(tries)


async def test_caller_who_does_not_log_in_is_dropped(box):
    target = await box("A").listen(limits=Limits(login_seconds=0.2))
    reader, writer = await asyncio.open_connection(target.address, target.port)

    await asyncio.wait_for(reader.read(), 20)

    assert reader.at_eof()
    writer.close()


async def test_too_many_callers_are_turned_away_and_those_inside_stay(box):
    """TRU-06: those of one source alone."""
    machine = box("A")
    target = await machine.listen(gate=Gate(crowd=Crowd(per_source=2)))
    async with login(target, "ops", password="operator") as inside:
        idle = [await asyncio.open_connection(target.address, target.port) for _ in range(2)]
        await until(lambda: machine.services[0].gate.half_open == 2)
        with pytest.raises((asyncssh.DisconnectError, OSError)):
            await login(target, "ops", password="operator")
        gate = machine.services[0].gate
        assert (gate.half_open, gate.turned_away) == (2, 1)
        for _, writer in idle:
            writer.close()
        await until(lambda: gate.half_open == 0)
        assert (await inside.run("x")).exit_status == 0
        async with login(target, "ops", password="operator") as again:
            assert (await again.run("x")).exit_status == 0


async def test_member_comes_in_past_a_crowd_of_strangers(pair):
    """TRU-06: they have a share of their own, from wherever they have come with their key before."""
    a, b, _target = await pair()
    crowd = Crowd(per_source=9, strangers=3, known=3)
    gate = Gate(crowd=crowd, members=lambda: ["127.0.0.1"])  # where callers on loopback come from
    target = await a.listen(gate=gate)
    assert [gate.enter(object(), f"192.0.2.{n}") for n in range(5)] == [True, True, True, False, False]

    (await b.dial(target, a)).start()

    assert (gate.half_open, gate.turned_away) == (3, 2)


async def test_guesses_are_refused_for_a_while_and_keys_go_on(box):
    """TRU-05: over many connections; the right passphrase is not even looked at then, for any address."""
    machine, told = box("A"), []
    key, public = fresh_key()
    machine.people.user_keys["admin", public] = "admin"
    now = [1000.0]
    guesses = Guesses(QUICKLY, lambda: now[0], lambda kind, which: told.append((kind, which)))
    target = await machine.listen(gate=Gate(guesses))

    async def is_let_in(user: str, passphrase: str) -> bool:
        try:
            async with login(target, user, password=passphrase):
                return True
        except (asyncssh.PermissionDenied, asyncssh.DisconnectError):
            return False

    for number in range(5):
        assert not await is_let_in("admin", f"guess {number}")
    assert told == [("name", "admin")]
    assert not await is_let_in("admin", "ironport")
    assert await is_let_in("ops", "operator")
    async with login(target, "admin", client_keys=[key]) as conn:
        assert (await conn.run("x")).exit_status == 0
    assert (guesses.wrong_ones, guesses.refused) == (5, 1)

    now[0] += 301
    assert await is_let_in("admin", "ironport")


async def test_too_many_people_are_told_so(box):
    target = await box("A").listen(limits=Limits(people=1))

    async with login(target, "ops", password="operator"):
        with pytest.raises(asyncssh.PermissionDenied):
            await login(target, "admin", password="ironport")


async def test_sessions_of_one_connection_are_limited(box):
    target = await box("A").listen(limits=Limits(sessions=1))

    async with login(target, "ops", password="operator") as conn:
        process = await conn.create_process("cat")
        with pytest.raises(asyncssh.ChannelOpenError):
            await conn.run("x")
        process.stdin.write_eof()
        await process.wait()
        assert (await conn.run("x")).exit_status == 0


@pytest.fixture
async def peer(pair):
    """A connection with the key of a machine, made by hand."""
    a, b, target = await pair()
    async with login(target, CLUSTER_USER, client_keys=[b.holder.keys.user]) as conn:
        yield a, b, conn


async def _refused(work) -> bool:
    try:
        await work
    except (asyncssh.Error, asyncssh.ChannelListenError, OSError):
        return True
    return False


async def test_machine_key_opens_no_shell_command_or_file_transfer(peer):
    _, _, conn = peer

    assert await _refused(conn.run(None))
    assert await _refused(conn.run("version"))
    assert await _refused(conn.run("scp -t /tmp"))
    assert await _refused(conn.run(None, term_type="xterm"))
    assert await _refused(conn.start_sftp_client())
    assert await _refused(conn.open_session(subsystem="netconf"))


async def test_machine_key_forwards_no_port_agent_or_display(peer):
    a, _, conn = peer

    assert await _refused(conn.open_connection(a.address, a.services[0].port))
    assert await _refused(conn.open_unix_connection("/run/anything"))
    assert await _refused(conn.start_server(lambda *_: None, "", 0))
    assert await _refused(conn.start_unix_server(lambda *_: None, "/tmp/gatefold-test-socket"))
    assert await _refused(conn.run(None, x11_forwarding=True, x11_display=":0"))


async def test_machine_key_opens_the_subsystem_and_nothing_is_in_the_way(peer):
    _, _, conn = peer

    writer, reader, _ = await conn.open_session(subsystem=SUBSYSTEM, encoding=None)

    writer.write(b"\x00\x00\x00\x02{}")
    assert b"protocol-error" in await asyncio.wait_for(reader.read(), 20)


async def test_machine_key_is_no_login_of_a_person(pair):
    _, b, target = await pair()

    for user in ("admin", "ops", "root"):
        with pytest.raises(asyncssh.PermissionDenied):
            await login(target, user, client_keys=[b.holder.keys.user])


async def test_user_without_the_role_of_administrator_talks_for_no_machine(box):
    target = await box("A").listen()

    async with login(target, "ops", password="operator") as conn:
        assert await _refused(conn.open_session(subsystem=SUBSYSTEM))
        assert await _refused(conn.start_sftp_client())
        assert await _refused(conn.open_connection(target.address, target.port))


async def test_ccs_takes_machines_and_no_people(pair, tmp_path):
    a, b, _ = await pair()
    key, public = fresh_key()
    a.people.user_keys["admin", public] = "admin"
    ccs = await a.listen(ServiceKind.CCS)

    with pytest.raises(asyncssh.PermissionDenied):
        await login(ccs, "admin", password="ironport")
    with pytest.raises(asyncssh.PermissionDenied):
        await login(ccs, "admin", client_keys=[key])
    assert (await openssh(ccs, "version", key=key, user="admin", home=tmp_path))[0] == 255
    async with login(ccs, CLUSTER_USER, client_keys=[b.holder.keys.user]) as conn:
        assert await _refused(conn.run("version"))
        assert await _refused(conn.start_sftp_client())
    (await b.dial(ccs, a)).start()
    await until(lambda: a.keeper.links)


async def test_user_may_not_change_into_a_machine_while_logging_in(pair):
    """A key that was only offered, never proven, must not count for another user's login."""
    a, b, target = await pair()
    offered: list[str] = []

    async def peer_by_key(public: str):
        offered.append(public)
        return await type(a.holder).peer_by_key(a.holder, public)

    a.holder.peer_by_key = peer_by_key
    async with login(target, "ops", password="operator") as conn:
        connection = next(iter(a.services[0]._connections))
        await connection.validate_public_key(CLUSTER_USER, b.holder.keys.user.convert_to_public())
        connection.auth_completed()
        assert offered
        assert connection.credential.login.user == "ops"
        assert await _refused(conn.open_session(subsystem=SUBSYSTEM))


async def test_holder_that_fails_to_look_up_a_key_refuses_and_serves_on(pair, caplog):
    a, b, target = await pair()

    async def broken(public: str):
        raise OSError("disk full")

    good, a.holder.peer_by_key = a.holder.peer_by_key, broken
    with pytest.raises((asyncssh.Error, OSError)):
        await login(target, CLUSTER_USER, client_keys=[b.holder.keys.user])
    a.holder.peer_by_key = good
    (await b.dial(target, a)).start()
    await until(lambda: a.keeper.links)


async def test_refused_key_is_told_why_in_words_also_by_openssh(pair, tmp_path):
    a, b, target = await pair()
    a.holder.directory[b.holder.keys.user_public] = Refusal(Reason.REMOVED, "B was removed on Monday")

    banners: list[str] = []

    class Listener(asyncssh.SSHClient):
        def auth_banner_received(self, msg: str, lang: str) -> None:
            banners.append(msg)

    with pytest.raises(asyncssh.PermissionDenied):
        await login(target, CLUSTER_USER, client_keys=[b.holder.keys.user], client_factory=Listener)
    assert "(removed): B was removed on Monday" in banners[0]
    assert public_text(b.holder.keys.user) not in banners[0]


async def test_service_on_a_port_in_use_is_an_error(box):
    a, b = box("A"), box("B")
    target = await a.listen()
    b.address = a.address
    from appliances.links.server import Service

    second = Service(ServiceKind.CCS, a.address, target.port, b.holder.keys, b.holder, b.keeper)
    with pytest.raises(OSError, match="in use"):
        await second.start()
    await second.close()


async def test_closed_service_ends_its_connections_and_frees_the_port(box):
    machine = box("A")
    target = await machine.listen()
    conn = await login(target, "ops", password="operator")

    await machine.services[0].close()

    await asyncio.wait_for(conn.wait_closed(), 20)
    with pytest.raises(OSError, match=r"Connect call failed|refused"):
        await login(target, "ops", password="operator")
    with contextlib.suppress(OSError):
        conn.close()


@pytest.mark.parametrize("turns", range(6))
async def test_caller_let_in_at_the_moment_of_closing_is_hung_up_on(box, turns):
    a = box("A")
    target = await a.listen()
    callers = [socket.create_connection((target.address, target.port)) for _ in range(3)]
    try:
        for _ in range(turns):
            await asyncio.sleep(0)
        await a.services[0].close()
        for caller in callers:
            caller.setblocking(False)
            await asyncio.wait_for(_read_to_the_end(caller), 5)
    finally:
        for caller in callers:
            caller.close()


async def _read_to_the_end(caller: socket.socket) -> None:
    with contextlib.suppress(ConnectionResetError):
        while await asyncio.get_running_loop().sock_recv(caller, 4096):
            pass
