"""A seeded life of a cluster: commits, syncs, crashes, cuts, newcomers, and wrong clocks.

One seed is one life, always the same. After it comes quiet: everything is healed, and then all replicas
must be equal and nothing may be missing (design, sections 3 and 14).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from clusters.modes import CLUSTER, group, machine
from clusters.replication import StaleDraft
from clusters.state import Group, Machine
from clusters.versions import THE_CLUSTER, TOLERANCE, Address, Change, Kind, joined, settings_at
from tests.clusters.samples import rows
from tests.simulation.network import Network
from tests.simulation.node import Image, Node, Time, Wall, fingerprint_of
from tests.simulation.truth import Truth, Violation

BIRTH = 1_800_000_000_000
HOUR = 3_600_000
GROUPS = ("g1", "g2")
ROUNDS = 40
FEATURES = ("routes", "listeners")
PORTAL = "P1"


@dataclass
class Report:
    """What happened in one life; `failure` is empty when every invariant held."""

    seed: int
    steps: int
    failure: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    trace: list[tuple[int, str, tuple[Any, ...]]] = field(default_factory=list)

    def story(self, last: int = 60) -> str:
        """The last events before the end, one line each: virtual seconds, what, who."""
        lines = (
            f"{(at - BIRTH) / 1000:10.1f} s  {what:<12} {' '.join(map(str, who))}"
            for at, what, who in self.trace[-last:]
        )
        return "\n".join(lines)


def run(seed: int, steps: int = 200) -> Report:
    """Live one life; the same seed and steps give the same one."""
    simulator = Simulator(seed, steps)
    try:
        simulator.live()
        simulator.settle()
        simulator.judge()
    except Violation as violation:
        simulator.report.failure = str(violation)
    return simulator.report


class Simulator:
    """The world of one seed."""

    def __init__(self, seed: int, steps: int) -> None:
        self.random = Random(seed)
        self.report = Report(seed, steps)
        self.time = Time(BIRTH)
        self.network = Network(self.random)
        self.truth = Truth()
        self.nodes: dict[str, Node] = {}
        self.backups: list[tuple[str, Image]] = []
        self.restored: set[str] = set()
        self.drafts: list[tuple[str, Change]] = []
        self.values = 0
        self.skewed = self.random.random() < 0.25
        self.safe_wait = self.random.random() < 0.3
        self.wire = self.random.random() < 0.1
        self.saves = self.random.choice((0.6, 0.9, 1.0))
        self.actions = [action for action, weight in ACTIONS for _ in range(weight)]
        self._begin(self.random.randint(3, 7))

    def _begin(self, machines: int) -> None:
        first = self._add("M1")
        changes = [Change(THE_CLUSTER, {"name": "demo", "safe_wait": self.safe_wait})]
        changes += [Change(Address(Kind.GROUP, g), Group(g, g, g == "g1").to_value()) for g in GROUPS]
        changes.append(self._membership("M1"))
        first.commit(changes, "begin")
        self.save(first)
        for number in range(2, machines + 1):
            self.join(f"M{number}", first)
        self.join(PORTAL, first)

    def _add(self, serial: str) -> Node:
        wall = Wall(self.time, self._skew(), self.random.uniform(-0.002, 0.002))
        node = self.nodes[serial] = Node(serial, self.truth, wall, self.wire)
        return node

    def _skew(self) -> int:
        far = self.skewed and self.random.random() < 0.3
        reach = 3 * HOUR if far else TOLERANCE // 2 - 30_000
        return self.random.randint(-reach, reach)

    def _membership(self, serial: str) -> Change:
        chosen = self.random.choice(GROUPS)
        return Change(Address(Kind.MACHINE, serial), Machine(serial, serial.lower(), chosen).to_value())

    # life

    def live(self) -> None:
        """One action, and what has arrived meanwhile, for each step."""
        for _ in range(self.report.steps):
            self.random.choice(self.actions)(self)
            self.pass_time(self.random.randint(10, 20_000))

    @property
    def now(self) -> int:
        """Virtual time in ms."""
        return self.time.now

    def pass_time(self, span: int) -> None:
        """Time goes on, and messages arrive."""
        end = self.now + span
        while (arrived := self.network.due(end)) is not None:
            at, source, target, message = arrived
            self.time.now = max(at, self.now)
            node = self.nodes.get(target)
            if node is not None and source in self.nodes and self._awake(node):
                self._hear(node, source, message)
        self.time.now = end

    def _hear(self, node: Node, source: str, message: Any) -> None:
        result = node.hear(source, message)
        self.report.counts[type(message).__name__] += 1
        if result is not None:
            self.report.counts["taken"] += len(result.taken)
            self.report.counts["conflicts"] += len(result.conflicts)
            self.report.counts["held"] += len(result.held)
            self.report.counts["gaps"] += result.gap
        self.save_sometimes(node)

    def save(self, node: Node) -> None:
        """To disk, and then on to the network."""
        for target, message in node.save():
            self.network.send(self.now, node.serial, target, message)

    def save_sometimes(self, node: Node) -> None:
        if self.random.random() < self.saves:
            self.save(node)

    def note(self, what: str, *who: Any) -> None:
        self.report.counts[what] += 1
        self.report.trace.append((self.now, what, who))

    def _awake(self, node: Node) -> bool:
        return not node.apart and node.up_at <= self.now

    def someone(self, suits: Callable[[Node], bool] = lambda node: True) -> Node | None:
        """A node that is up."""
        able = [n for n in self.nodes.values() if n.up_at <= self.now and suits(n)]
        return self.random.choice(able) if able else None

    # actions

    def join(self, serial: str, sponsor: Node) -> None:
        """A newcomer: its entry by a commit on a member, then a snapshot or the log."""
        newcomer = self._add(serial)
        self.note("join", serial, "at", sponsor.serial)
        if serial != PORTAL:
            address = Address(Kind.MACHINE, serial)
            base = sponsor.replica.store.heads([address]).get(address)
            member = self._membership(serial)
            sponsor.commit([Change(address, member.value, base[0].id if base else None)], "join")
        if self.random.random() < 0.5:
            sponsor.offer_snapshot(serial)
        newcomer.greet(sponsor.serial)
        self.save(sponsor)
        self.save(newcomer)

    def commit(self) -> None:
        """A person commits one or two changes on some machine."""
        node = self.someone(Node.caught_up_with_itself)
        if node is not None:
            changes = [self._change(node) for _ in range(self.random.choice((1, 1, 1, 2)))]
            distinct = list({change.address: change for change in changes}.values())
            made = node.commit(distinct, "person")
            self.note("commit", made.id, *(change.address for change in distinct))
            self.save_sometimes(node)

    def _change(self, node: Node) -> Change:
        address = self._address(node)
        heads = node.replica.store.heads([address]).get(address)
        self.values += 1
        absent = heads is not None and self.random.random() < 0.15
        if address.kind is Kind.MACHINE:
            value = self._membership(address.name).value
        else:
            value = None if absent else rows(str(self.values))
        return Change(address, value, heads[0].id if heads else None)

    def _address(self, node: Node) -> Address:
        machines = [serial for serial in self.nodes if serial != PORTAL]
        if self.random.random() < 0.1:
            return Address(Kind.MACHINE, self.random.choice(machines))
        modes = (CLUSTER, CLUSTER, *map(group, GROUPS), machine(self.random.choice(machines)))
        return settings_at(self.random.choice(modes), self.random.choice(FEATURES))

    def draft(self) -> None:
        """Somebody begins an edit and commits it later, when others may have been faster (CMT-04)."""
        if self.drafts and self.random.random() < 0.7:
            serial, change = self.drafts.pop(self.random.randrange(len(self.drafts)))
            node = self.nodes.get(serial)
            if node is not None and node.up_at <= self.now and node.caught_up_with_itself():
                self._commit_draft(node, change)
        elif (node := self.someone()) is not None:
            self.drafts.append((node.serial, self._change(node)))

    def _commit_draft(self, node: Node, change: Change) -> None:
        heads = node.replica.store.heads([change.address]).get(change.address)
        stale = heads is not None and heads[0].id != change.replaces
        try:
            node.commit([change], "draft")
        except StaleDraft:
            self.note("stale", node.serial, change.address)
            if not stale:
                raise Violation(f"{node.serial} calls a fresh draft of {change.address} stale") from None
        else:
            self.note("fresh", node.serial, change.address)
            if stale:
                raise Violation(f"{node.serial} commits a stale draft of {change.address}")
        self.save_sometimes(node)

    def resolve(self) -> None:
        """A person ends a conflict by choosing one of its versions (SYN-12, SYN-13)."""
        node = self.someone(Node.caught_up_with_itself)
        if node is not None:
            torn = [(a, heads) for a, heads in node.replica.store.all_heads() if len(heads) > 1]
            if torn:
                address, heads = self.random.choice(sorted(torn, key=lambda entry: str(entry[0])))
                value = self.random.choice(heads).value
                made = node.commit([Change(address, value, heads[0].id)], "resolve")
                self.note("resolve", made.id, address)
                self.save_sometimes(node)

    def gossip(self) -> None:
        """Two nodes begin a session."""
        node = self.someone(self._awake)
        peers = [serial for serial in self.nodes if node is not None and serial != node.serial]
        if node is not None and peers:
            node.greet(self.random.choice(peers))
            self.save(node)

    def apply(self) -> None:
        """A machine renders what it holds, or ends to apply what it rendered before, in any order."""
        node = self.someone(lambda n: n.serial != PORTAL)
        if node is None:
            return
        if not node.jobs or self.random.random() < 0.5:
            node.render()
        index = self.random.randrange(len(node.jobs))
        generation = node.jobs[index] if self.random.random() < 0.3 else node.jobs.pop(index)
        self.note("apply" if node.apply(generation) else "fenced off", node.serial)

    def crash(self) -> None:
        """What was not on disk is lost; the machine may stay down for a while."""
        node = self.someone()
        if node is not None:
            node.restart()
            node.up_at = self.now + self.random.choice((0, 1_000, 300_000))
            self.note("crash", node.serial)

    def backup(self) -> None:
        """A whole machine is copied, or put back. Its holder commits only when its own work is back."""
        node = self.someone(lambda n: n.serial != PORTAL)
        if self.backups and self.random.random() < 0.5:
            serial, image = self.random.choice(self.backups)
            if serial in self.nodes:
                self.nodes[serial].restore(image)
                self.restored.add(serial)
                self.note("restore", serial)
        elif node is not None:
            self.backups.append((node.serial, node.image()))

    def split(self) -> None:
        """The network falls into two sides, or is whole again."""
        if self.network.sides:
            self.network.sides.clear()
        else:
            self.network.sides.update({serial: self.random.randint(0, 1) for serial in self.nodes})
        self.note("split", *(s for s, side in self.network.sides.items() if side))

    def cut(self) -> None:
        """One link breaks, or one is mended."""
        pair = frozenset(self.random.sample(list(self.nodes), 2)) if len(self.nodes) > 1 else frozenset()
        self.network.cut ^= {pair}

    def disconnect(self) -> None:
        """A machine is taken off the cluster on purpose, or comes back (SYN-06, SYN-14)."""
        node = self.someone(lambda n: n.serial != PORTAL)
        if node is not None:
            node.apart = not node.apart
            self.note("disconnect" if node.apart else "reconnect", node.serial)

    def remove(self) -> None:
        """A machine leaves for good (RM-01): what it never told anybody goes with it."""
        able = [s for s in self.nodes if s not in ("M1", PORTAL)]
        keeper = self.someone(Node.caught_up_with_itself)
        if len(able) > 2 and keeper is not None and keeper.serial not in able:
            serial = self.random.choice(able)
            del self.nodes[serial]
            address = Address(Kind.MACHINE, serial)
            heads = keeper.replica.store.heads([address]).get(address)
            keeper.commit([Change(address, None, heads[0].id if heads else None)], "remove")
            self.save(keeper)
            self.note("remove", serial)

    def newcomer(self) -> None:
        """One more machine joins."""
        sponsor = self.someone(lambda n: self._awake(n) and n.caught_up_with_itself())
        if sponsor is not None and len(self.nodes) < 9:
            self.join(f"N{len(self.report.trace)}", sponsor)

    def compact(self) -> None:
        """A replica forgets the beginning of its log."""
        node = self.someone()
        if node is not None:
            log = list(node.replica.store.commits_after(node.replica.store.floor()))
            old = log[: self.random.randint(0, len(log))]
            floor = joined(node.replica.store.floor(), {c.id.origin: c.id.number for c in old})
            node.compact(floor)
            self.note("compact", node.serial, len(old))
            self.save_sometimes(node)

    def accept(self) -> None:
        """A person takes a held commit in spite of its date, or asks whether any is due."""
        node = self.someone(lambda n: bool(n.replica.store.held()))
        if node is not None:
            held = [commit.id for commit in node.replica.store.held()]
            chosen = frozenset(self.random.sample(held, self.random.randint(0, len(held))))
            result = node.absorb([], accept=chosen)
            self.note("accept", node.serial, len(chosen), len(result.taken))
            self.save_sometimes(node)

    def set_clock(self) -> None:
        """A clock is set, rightly or wrongly."""
        node = self.someone()
        if node is not None:
            node.wall.skew = self._skew()
            self.note("clock", node.serial, node.wall.skew)

    # quiet

    def settle(self) -> None:
        """Everything is healed; all that is left to do is to talk, until nobody has news."""
        self.network.heal()
        self.saves = 1.0
        for node in self.nodes.values():
            node.apart, node.up_at = False, self.now
            node.wall.skew, node.wall.drift = 0, 0.0
            self.save(node)
        if self.random.random() < 0.5:
            self.pass_time(4 * HOUR)
        for _ in range(ROUNDS):
            if self._agreed():
                return
            self._talk()
        raise Violation(f"not equal after {ROUNDS} quiet rounds: {self._differences()}")

    def _talk(self) -> None:
        serials = list(self.nodes)
        self.random.shuffle(serials)
        for serial, peer in zip(serials, serials[1:] + serials[:1], strict=True):
            node = self.nodes[serial]
            if held := node.replica.store.held():
                node.absorb([], accept=frozenset(commit.id for commit in held))
            node.greet(peer)
            self.save(node)
        while (arrival := self.network.next_arrival()) is not None:
            self.pass_time(max(0, arrival - self.now))

    def _agreed(self) -> bool:
        vectors = [node.replica.vector for node in self.nodes.values()]
        return all(vector == vectors[0] for vector in vectors)

    def _differences(self) -> str:
        return "; ".join(f"{n.serial} holds {n.replica.vector}" for n in self.nodes.values())

    # judgement

    def judge(self) -> None:
        """The invariants; raises Violation."""
        digests = {node.replica.digest() for node in self.nodes.values()}
        if len(digests) != 1:
            raise Violation("equal vectors and unequal digests")
        known = {node.known for node in self.nodes.values()}
        if len(known) != 1:
            raise Violation("equal vectors over different commits")
        (everything,) = known
        kept = self.nodes.keys() - self.restored
        lost = [ident for ident in self.truth.without(everything) if ident.origin in kept]
        if lost:
            raise Violation(f"lost: {', '.join(map(str, lost))}")
        for node in self.nodes.values():
            self.truth.judge(node.serial, everything, node.replica.store.all_heads())
            if self.safe_wait:
                self._judge_waiting(node)
        self._judge_machines()

    def _judge_waiting(self, node: Node) -> None:
        entries = dict(node.replica.store.all_heads())
        torn = {a: h for a, h in entries.items() if len(h) > 1 and a.kind is Kind.SETTINGS}
        stands = node.replica.standing(torn)
        self.report.counts["waiting"] += len(torn)
        for address, heads in torn.items():
            self.truth.judge_waiting(node.serial, address, heads, stands[address])

    def _judge_machines(self) -> None:
        states = [node.state() for node in self.nodes.values()]
        for serial in self.nodes:
            marks = {fingerprint_of(state, serial) for state in states}
            if len(marks) != 1:
                raise Violation(f"replicas differ on what {serial} should run")
            if serial != PORTAL:
                self._judge_machine(self.nodes[serial], marks.pop())

    def _judge_machine(self, node: Node, mark: str) -> None:
        node.render()
        node.apply(node.jobs[-1])
        for late in node.jobs:
            node.apply(late)
        if node.applied is None or node.applied.fingerprint != mark:
            raise Violation(f"{node.serial} does not run what it should")


ACTIONS: tuple[tuple[Callable[[Simulator], None], int], ...] = (
    (Simulator.commit, 30),
    (Simulator.gossip, 40),
    (Simulator.draft, 6),
    (Simulator.resolve, 4),
    (Simulator.apply, 8),
    (Simulator.crash, 5),
    (Simulator.split, 3),
    (Simulator.cut, 3),
    (Simulator.accept, 3),
    (Simulator.disconnect, 2),
    (Simulator.compact, 2),
    (Simulator.newcomer, 1),
    (Simulator.remove, 1),
    (Simulator.set_clock, 1),
    (Simulator.backup, 1),
)
