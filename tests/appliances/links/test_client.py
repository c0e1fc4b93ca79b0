from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
from collections.abc import AsyncIterator

import asyncssh
import pytest

from appliances.links.calling import Target
from appliances.links.client import Passphrase, dial, enrol, probe
from appliances.links.errors import (
    AuthenticationFailed,
    HostKeyChanged,
    HostKeyRejected,
    LinkError,
    LinkLost,
    Reason,
    Refused,
    Silent,
    Unreachable,
    VersionMismatch,
    WrongService,
)
from appliances.links.hello import Credential, hello, judge
from appliances.links.identity import Keys, fingerprint
from appliances.links.peer import Identity, Kind, Login, PeerIdentity, Refusal, Standing
from appliances.links.ssh import ServiceKind
from appliances.links.timing import Pace
from tests.appliances.links.conftest import QUICK, loopback, until

ADMIN = Passphrase("admin", "ironport")


async def accept(host_key: str) -> bool:
    return True


def before_and_after(machine):
    return machine.holder.replica.vector, dict(machine.holder.directory)


@pytest.mark.parametrize("kind", list(ServiceKind))
async def test_probe_tells_the_kind_and_host_key_of_a_service(box, kind):
    machine = box("A")

    found = await probe(await machine.listen(kind))

    assert (found.kind, found.host_key) == (kind, machine.holder.keys.host_public)
    assert found.fingerprint == fingerprint(machine.holder.keys.host_public)


async def test_probe_of_a_closed_port_or_unknown_name_is_unreachable():
    with pytest.raises(Unreachable, match=r"cannot be reached.*firewalls"):
        await probe(Target(loopback(), 9))
    with pytest.raises(Unreachable, match=r"not known.*DNS"):
        await probe(Target("no-such-name.invalid", 22))


@contextlib.asynccontextmanager
async def serving(answer: bytes, address: str) -> AsyncIterator[Target]:
    """A service that is not ours: gives one answer and then only listens."""
    ended = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        with contextlib.suppress(OSError):
            await reader.read()
        writer.transport.abort()
        ended.set()

    server = await asyncio.start_server(speak, address, 0)
    async with server:
        yield Target(address, server.sockets[0].getsockname()[1])
        await asyncio.wait_for(ended.wait(), 20)


@pytest.mark.parametrize("greeting", [b"220 mail ESMTP\r\n", b"SSH-1.5-old\r\n", b"\x00" * 9000, b"220"])
async def test_probe_of_another_service_names_it_as_such(greeting):
    """TRL-19: what speaks and speaks something else is another service."""
    async with serving(greeting, loopback()) as target:
        with pytest.raises(WrongService, match="no service of Gatefold"):
            await probe(target, timeout=0.5)


async def test_probe_of_a_program_that_hangs_does_not_blame_the_port():
    """TRL-19: the kernel takes connections for a stopped program; it says nothing."""
    async with serving(b"", loopback()) as target:
        with pytest.raises(Silent, match=r"says nothing.*hangs or is overloaded"):
            await probe(target, timeout=0.5)


async def test_probe_of_a_service_that_hangs_after_its_greeting_does_not_blame_the_port():
    """TRL-19."""
    async with serving(b"SSH-2.0-Gatefold_SSH\r\n", loopback()) as target:
        with pytest.raises(Silent, match=r"stopped answering while connecting.*hangs or is overloaded"):
            await probe(target, timeout=0.5)


async def test_probe_of_a_service_that_closes_at_once_says_that():
    """TRL-19."""

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    address = loopback()
    async with await asyncio.start_server(close, address, 0) as server:
        target = Target(address, server.sockets[0].getsockname()[1])
        with pytest.raises(LinkLost, match=r"closed the connection before.*too many callers"):
            await probe(target)


async def test_passphrase_is_never_sent_to_another_ssh_server():
    tried: list[str] = []

    class Foreign(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            tried.append(username)
            return True

    keys, address = Keys.make(), loopback()
    server = await asyncssh.listen(address, 0, server_factory=Foreign, server_host_keys=[keys.host])
    async with server:
        target = Target(address, server.get_port())
        with pytest.raises(WrongService, match=r"answers as 'SSH-2\.0-AsyncSSH"):
            await enrol(target, _identity("N"), ADMIN, keys.host_public, {}, pace=QUICK)
    assert tried == []


def _identity(serial: str) -> Identity:
    return Identity(serial, f"{serial}.example.com", "1.0")


async def test_dial_with_another_host_key_than_the_pinned_one_is_refused(pair):
    a, b, target = await pair()
    old, new = Keys.make().host_public, a.holder.keys.host_public

    with pytest.raises(HostKeyChanged, match="let it join again") as caught:
        await dial(target, b.holder, b.holder.keys.user, old, pace=QUICK)

    assert (caught.value.old, caught.value.new) == (fingerprint(old), fingerprint(new))
    assert a.keeper.links == []


@pytest.mark.parametrize("reason", [Reason.REMOVED, Reason.DISCONNECTED, Reason.UNKNOWN])
async def test_dial_by_a_refused_peer_names_the_reason_and_changes_nothing(pair, reason):
    a, b, target = await pair()
    b.commit("smtproutes", {"x": 1})
    a.holder.directory[b.holder.keys.user_public] = Refusal(reason, f"B is {reason}")
    before = before_and_after(a)

    with pytest.raises(Refused, match=f"B is {reason}") as caught:
        await b.dial(target, a)

    assert caught.value.reason is reason
    assert caught.value.remedy
    assert before_and_after(a) == before


async def test_dial_by_another_release_names_both(box):
    a, b = box("A"), box("B", release="2.0")
    a.knows(b)
    b.commit("smtproutes", {"x": 1})

    with pytest.raises(VersionMismatch, match=r"release 1\.0, this one runs 2\.0") as caught:
        await b.dial(await a.listen(), a)

    assert (caught.value.ours, caught.value.theirs) == ("2.0", "1.0")
    assert a.holder.replica.vector == {}


async def test_dial_by_another_cluster_or_under_another_serial_is_refused(box):
    a, b, c = box("A"), box("B"), box("C")
    a.knows(b)
    target = await a.listen()
    b.holder.who = dataclasses.replace(b.holder.who, cluster="another")
    with pytest.raises(Refused) as other_cluster:
        await b.dial(target, a)
    c.holder.keys = b.holder.keys
    with pytest.raises(Refused) as other_serial:
        await c.dial(target, a)
    c.holder.who = dataclasses.replace(b.holder.who, kind=Kind.PORTAL, cluster=a.holder.who.cluster)
    with pytest.raises(Refused) as other_kind:
        await c.dial(target, a)

    assert other_cluster.value.reason is Reason.OTHER_CLUSTER
    assert other_serial.value.reason is other_kind.value.reason is Reason.OTHER_SERIAL


async def test_dial_that_finds_another_machine_than_expected_is_refused(pair):
    a, b, target = await pair()

    with pytest.raises(Refused, match="is A, not Z"):
        await b.dial(target, a, serial="Z")


async def test_dial_of_a_service_that_says_no_hello_ends_in_time(pair, monkeypatch):
    a, b, target = await pair()
    forever = asyncio.Event()

    async def silent(*_):
        await forever.wait()

    monkeypatch.setattr(a.services[0], "serve", silent)
    hurry = dataclasses.replace(QUICK, answer=0.5)
    with pytest.raises(LinkLost, match="does not say hello"):
        await dial(target, b.holder, b.holder.keys.user, a.holder.keys.host_public, pace=hurry)
    forever.set()


async def test_newcomer_with_the_admin_passphrase_is_enrolled(box):
    a = box("A")
    a.commit("smtproutes", {"x": 1})
    target = await a.listen()
    keys = Keys.make()
    shown: list[str] = []

    async def confirm(host_key: str) -> bool:
        shown.append(fingerprint(host_key))
        return True

    request = {"user_key": keys.user_public}
    result = await enrol(target, _identity("N"), ADMIN, confirm, request, wanted=ServiceKind.SSH, pace=QUICK)

    assert shown == [fingerprint(a.holder.keys.host_public)]
    assert result.host_key == a.holder.keys.host_public
    assert result.member.serial == "A"
    assert result.answer["snapshot"]["vector"] == {"A": 1}
    (got, newcomer) = a.holder.newcomers[0]
    assert (got, newcomer.user, newcomer.identity.serial) == (request, "admin", "N")


@pytest.mark.parametrize("reason", [Reason.UNKNOWN, Reason.REMOVED])
async def test_newcomer_with_a_key_that_is_not_prepared_is_told_to_prepare_it(box, reason):
    """TRL-22: one that was removed before hears the same; "join again" is what it is doing."""
    a, keys = box("A"), Keys.make()
    a.holder.directory[keys.user_public] = Refusal(reason, "removed by a commit")
    target = await a.listen()

    with pytest.raises(Refused, match=r"prepjoin new.*commit there") as caught:
        await enrol(target, _identity("N"), keys.user, a.holder.keys.host_public, {}, pace=QUICK)

    assert caught.value.reason is Reason.NOT_PREPARED


async def test_newcomer_gets_an_answer_longer_than_a_frame(box):
    a = box("A")
    a.commit("smtproutes", {"rows": ["x" * 1000] * 6000})
    target = await a.listen()

    result = await enrol(target, _identity("N"), ADMIN, accept, {"user_key": "k"}, pace=QUICK)

    (heads,) = result.answer["snapshot"]["entries"].values()
    assert len(heads[0]["value"]["rows"]) == 6000


async def test_newcomer_whose_person_rejects_the_host_key_sends_nothing(box):
    a = box("A")
    target = await a.listen()

    async def reject(host_key: str) -> bool:
        return False

    with pytest.raises(HostKeyRejected, match="SHA256:"):
        await enrol(target, _identity("N"), ADMIN, reject, {"user_key": "k"}, pace=QUICK)
    assert a.holder.newcomers == []


@pytest.mark.parametrize(
    ("credential", "error", "words"),
    [
        (Passphrase("admin", "wrong"), AuthenticationFailed, "passphrase"),
        (Passphrase("nobody", "ironport"), AuthenticationFailed, "passphrase"),
        (Passphrase("ops", "operator"), Refused, "Use the admin user"),
        (asyncssh.generate_private_key("ssh-ed25519"), Refused, "prepjoin"),
    ],
)
async def test_newcomer_without_the_right_credential_is_refused(box, credential, error, words):
    a = box("A")
    target = await a.listen()

    with pytest.raises(error, match=words):
        await enrol(target, _identity("N"), credential, accept, {"user_key": "k"}, pace=QUICK)
    assert a.holder.newcomers == []


@pytest.mark.parametrize("login", [None, Login("ops", "operator")])
async def test_newcomer_without_key_or_administrator_is_refused_by_its_hello_too(login):
    ours = hello(dataclasses.replace(_identity("A"), cluster="c"), {}, "member")

    with pytest.raises(Refused) as caught:
        judge(ours, hello(_identity("N"), {}, "enrol"), Credential(login=login))
    assert caught.value.reason is Reason.NOT_ALLOWED


async def test_newcomer_on_the_ccs_port_is_told_that_it_is_one(box):
    target = await box("A").listen(ServiceKind.CCS)

    with pytest.raises(WrongService, match="is a CCS service; SSH is wanted"):
        await enrol(target, _identity("N"), ADMIN, accept, {}, wanted=ServiceKind.SSH, pace=QUICK)


async def test_prepared_newcomer_enrols_with_its_key_on_ccs_and_only_under_its_serial(box):
    a = box("A")
    keys = Keys.make()
    target = await a.listen(ServiceKind.CCS)
    pending = PeerIdentity("N", "n.example.com", standing=Standing.PENDING)
    a.holder.directory[keys.user_public] = pending
    request = {"user_key": keys.user_public}

    with pytest.raises(Refused, match="belongs to N, not to M") as caught:
        await enrol(target, _identity("M"), keys.user, accept, request, pace=QUICK)
    assert caught.value.reason is Reason.OTHER_SERIAL
    assert a.holder.directory[keys.user_public] == pending

    await enrol(target, _identity("N"), keys.user, accept, request, pace=QUICK)
    assert a.holder.newcomers[0][1].public_key == keys.user_public
    assert a.holder.directory[keys.user_public].standing is Standing.MEMBER


async def test_pending_key_makes_no_link_of_a_member(pair):
    a, b, target = await pair()
    a.holder.directory[b.holder.keys.user_public] = PeerIdentity("B", "b", standing=Standing.PENDING)

    with pytest.raises(Refused) as caught:
        await b.dial(target, a)
    assert caught.value.reason is Reason.UNKNOWN


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"release": "0.9"}, VersionMismatch),
        ({"serial": "A"}, Refused),
        ({"cluster": "another"}, Refused),
    ],
)
async def test_newcomer_of_another_release_serial_or_cluster_is_refused(box, changes, error):
    a = box("A")
    target = await a.listen()
    before = before_and_after(a)

    with pytest.raises(error):
        await enrol(
            target,
            dataclasses.replace(_identity("N"), **changes),
            ADMIN,
            accept,
            {"user_key": "k"},
            pace=QUICK,
        )
    assert before_and_after(a) == before


async def test_newcomer_whose_request_is_wrong_or_cannot_be_stored_is_told(box, caplog):
    a = box("A")
    target = await a.listen()

    with pytest.raises(Refused, match="no user_key"):
        await enrol(target, _identity("N"), ADMIN, accept, {}, pace=QUICK)

    async def full(*_):
        raise OSError(errno.ENOSPC, "no space left on device")

    a.holder.enrol = full
    with pytest.raises(Refused, match="the disk is full"):
        await enrol(target, _identity("N"), ADMIN, accept, {}, pace=QUICK)


def test_passphrase_does_not_show_itself():
    assert "ironport" not in repr(ADMIN)


async def test_dial_again_and_again_leaves_nothing_open(pair):
    a, b, target = await pair()
    a.holder.directory.clear()

    for _ in range(10):
        with pytest.raises(LinkError):
            await b.dial(target, a)

    await until(lambda: not a.services[0]._connections)


def test_pace_of_pings_is_a_minute():
    assert Pace().ping == 60
