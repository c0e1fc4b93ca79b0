"""The page of a feature in a mode: preview, Override Settings, form, management (GUI-01..GUI-20)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from clusters import drafts, effective
from clusters.catalogue import Document, InvalidDocument, Problem, RedFlag
from clusters.differences import differences, masked, named_path, unmasked
from clusters.effective import Setting
from clusters.installed import catalogue
from clusters.json_text import NotJson, read_json
from clusters.modes import Mode
from clusters.naming import authorship_label, mode_labels
from clusters.refusals import Overtaken
from clusters.state import Defined
from clusters.transfers import transferable
from clusters.versions import canonical, digest, settings_at
from portal.editing.fields import Builder, Field
from portal.editing.menu import entries, feature_of, has_mode, require_mode, suitable, tabs
from portal.editing.past import picker
from portal.editing.reading import Reader
from portal.editing.references import choices_at
from portal.editing.typed import Typed
from portal.editing.windows import THE_TOP, Looking
from portal.login.freshness import ask_again, is_fresh
from portal.pages import past, tables, transferring
from portal.pages.access import cluster_page
from portal.place import Place
from portal.tenants import Right

LONGEST_TEXT = 500_000
"""Characters of settings that one text field of a page takes."""
MOST_MESSAGES = 20
MOST_PLACES = 5

Place_ = tuple[str, str]
"""Where something is wrong: in words, and the id of the field that shows it."""


@dataclass
class SettingsPage:
    """What the page of one feature in one mode shows; templates call it `page`."""

    place: Place
    mode: Mode
    feature: Any
    start: str = ""
    problems: tuple[Problem, ...] = ()
    typed: Document | None = None
    sent: Typed | None = None
    text: str | None = None
    looking: Looking = THE_TOP

    @cached_property
    def allowed(self) -> bool:
        """Whether the feature can be defined in this mode."""
        return catalogue().allows(self.feature.name, self.mode)

    @cached_property
    def defined(self) -> Defined | None:
        """What the mode defines, with the person's pending changes."""
        return self.place.draft.defined(self.mode, self.feature.name)

    @cached_property
    def committed(self) -> Defined | None:
        """What the mode defines in force."""
        return self.place.state.defined(self.mode, self.feature.name)

    @property
    def pending(self) -> bool:
        """Whether the person has changed this and not committed it."""
        return self.defined != self.committed

    @property
    def changes(self) -> list[Any]:
        """What the pending change does to what is in force."""
        before, after = (found.value if found else None for found in (self.committed, self.defined))
        return differences(before, after, self.feature.secrets)

    @cached_property
    def setting(self) -> Setting:
        """What holds in this mode, and its story."""
        return effective.setting_at(self.place.draft, self.mode, self.feature.name, catalogue())

    @cached_property
    def inherited(self) -> Setting:
        """What would hold if this mode defined nothing."""
        chain = self.place.draft.chain(self.mode)
        above = chain[1] if len(chain) > 1 else None
        if above is None:
            return Setting(self.feature.name, catalogue().fallback(self.feature.name), ())
        return effective.setting_at(self.place.draft, above, self.feature.name, catalogue())

    @property
    def flags(self) -> Sequence[RedFlag]:
        """What a machine says of these settings: a listener that is disabled on it, for instance (TRL-20)."""
        return effective.flags_at(self.place.draft, self.mode, self.feature.name, catalogue())

    @property
    def elsewhere(self) -> list[Mode]:
        """The other modes that define the feature (GUI-08)."""
        return [m for m in self.place.draft.defining(self.feature.name) if m != self.mode]

    @property
    def transferable(self) -> bool:
        """Whether these settings can go to another mode: not those of one machine alone (TRL-13)."""
        return transferable(self.feature.name)

    @property
    def copies(self) -> list[Mode]:
        """The modes whose settings this one may begin with (GUI-07)."""
        return self.elsewhere if self.transferable else []

    @property
    def overrides(self) -> effective.Overrides:
        """Who below keeps its own settings (CLI-07)."""
        return effective.overrides(self.place.draft, self.mode, self.feature.name)

    @property
    def reached(self) -> list[Any]:
        """The machines on which this mode's settings hold, or would."""
        return effective.reached(self.place.draft, self.mode, self.feature.name)

    @property
    def related(self) -> list[Any]:
        """The features that these settings depend on, and those that depend on them (GUI-06)."""
        known: list[Any] = list(catalogue())
        mine = self.feature.refers_to | self.feature.needs.keys()
        names = {f.name for f in known if self.feature.name in f.refers_to | f.needs.keys()} | mine
        return [f for f in known if f.name in names]

    @property
    def suitable(self) -> list[Mode]:
        return suitable(self.place.draft, self.feature, self.mode)

    @property
    def editable(self) -> bool:
        """Whether the form takes input: defined here, or begun by Override Settings."""
        return bool(self.allowed and self.place.may_edit and (self.defined or self.started))

    @property
    def started(self) -> bool:
        """Whether the person is about to define the feature here (GUI-07)."""
        return bool(self.start) and self.defined is None

    @cached_property
    def document(self) -> Document:
        """What the form was made from, before the person typed."""
        if self.defined is not None:
            return self.defined.value
        return start_document(self) if self.started else self.setting.value

    @cached_property
    def _canonical(self) -> str:
        return canonical(self.document)

    @cached_property
    def base(self) -> str:
        """Tells whether the form still belongs to what the mode defines (two tabs, one login twice)."""
        return digest([self._canonical, str(self.defined is None)])[:16]

    def require_shown(self, base: str | None) -> None:
        """See that what stands here is what the page of that base showed; raises Overtaken (TRL-09).

        Whoever goes on holds the replica: else a commit comes between the look and the change.
        """
        # Read afresh: what the page has read may be older than what is in force now.
        if base != replace(self, place=replace(self.place)).base:
            raise Overtaken(
                _(
                    "These settings were changed since this page was shown, in another tab or by a commit."
                    " Nothing was done; look, and repeat it if it is still what you want."
                )
            )

    @property
    def fits_a_text(self) -> bool:
        """Whether the settings can be edited as JSON in a page."""
        return len(self._canonical) <= LONGEST_TEXT

    @property
    def as_text(self) -> bool:
        return self.text is not None

    @cached_property
    def form(self) -> Field:
        """The fields."""
        shown = self.document if self.typed is None else self.typed
        choices = choices_at(self.place.draft, self.mode, catalogue())
        return Builder(choices, self.problems, self.looking, self.sent).form(self.feature.schema, shown)

    @cached_property
    def _messages(self) -> dict[str, list[Problem]]:
        """What is wrong, each message once, in the order of the document."""
        found: dict[str, list[Problem]] = {}
        for problem in self.problems:
            found.setdefault(problem.message, []).append(problem)
        return found

    @property
    def listed_problems(self) -> list[tuple[str, list[Place_], int]]:
        """Each message with the first places where it holds, and how many there are beside."""
        return [
            (
                message,
                [self._named(p) for p in found[:MOST_PLACES] if p.path],
                max(len(found) - MOST_PLACES, 0),
            )
            for message, found in list(self._messages.items())[:MOST_MESSAGES]
        ]

    @property
    def further_problems(self) -> int:
        """How many other messages there are."""
        return max(len(self._messages) - MOST_MESSAGES, 0)

    def _named(self, problem: Problem) -> Place_:
        shown = self.typed if self.typed is not None else self.document
        return named_path(shown, problem.path), "" if self.as_text else self.form.id_at(problem.path)

    @property
    def json_text(self) -> str:
        """The document as JSON; secrets are hidden and stay what they are."""
        if self.text:
            return self.text
        return json.dumps(masked(self.document, self.feature.secrets), indent=2, ensure_ascii=False)


def start_document(page: SettingsPage) -> Document:
    """What Override Settings begins with: default, inherited, or a copy of another mode (GUI-07)."""
    if page.start == "inherited":
        return page.inherited.value
    for mode in page.copies:
        found = page.place.draft.defined(mode, page.feature.name)
        if str(mode) == page.start and found:
            return found.value
    return catalogue().fallback(page.feature.name)


@cluster_page(Right.SEE_SETTINGS)
def feature(request: HttpRequest, place: Place, mode: Mode, tab: str, name: str) -> HttpResponse:
    """Look, also into the past (`?at=`), or change one's pending settings (POST, `do` says how)."""
    found = feature_of(f"{tab}/{name}")
    place = past.travelled(request, place)
    if place.at and not has_mode(place.state, mode):
        return past.absent(request, place)
    require_mode(place.draft, mode)
    page = SettingsPage(place, mode, found, start=request.GET.get("start", ""))
    if tables.asked(request):
        page.looking = Looking.asked(request.GET)
        return tables.window(request, page)
    if request.method == "POST":
        place.require(Right.EDIT)
        if request.POST.get("do") == "lines":
            return tables.lines(request, page)
        if found.secrets and not is_fresh(request):
            return ask_again(request)
        return ACTIONS.get(request.POST.get("do", ""), _save)(request, page)
    if request.GET.get("as") == "json" and page.fits_a_text:
        page.text = ""
    return _show(request, page)


def _show(request: HttpRequest, page: SettingsPage, status: int = 200) -> HttpResponse:
    found = entries(page.place, page.mode)
    travel, forgotten = picker(page.place), past.forgotten_here(page)
    context = {
        "place": page.place,
        "page": page,
        "mode": page.mode,
        "tabs": list(tabs(found)),
        "section": "settings",
        "current": page.feature,
        "modes": page.place.draft.modes(),
        "travel": travel,
        "forgotten": forgotten,
        "base_of_now": past.base_to_bring_back_to(page, travel, forgotten),
    }
    return render(request, "settings/feature.html", context, status=status)


def _save(request: HttpRequest, page: SettingsPage) -> HttpResponse:
    page.start = request.POST.get("start", "")
    try:
        document = _typed(request, page)  # passphrases are hashed here, which takes too long for the lock
        edited = _kept(page, document, request.POST.get("base"))
    except InvalidDocument as error:
        page.problems = error.problems
        return _show(request, page, status=422)
    _tell(request, page, edited)
    return redirect(request.path)


def _kept(page: SettingsPage, document: Document, base: str | None) -> drafts.Edited:
    """Drafts what was typed into the form of that base; raises InvalidDocument where it is another by now."""
    with drafts.held(page.place.replica_id):
        try:
            page.require_shown(base)
        except Overtaken:
            raise InvalidDocument(page.feature.name, [Problem("", _stale_words())]) from None
        return drafts.edit(page.place.replica_id, page.place.user, page.mode, page.feature.name, document)


def _stale_words() -> str:
    return _(
        "These settings changed while you were editing, in another tab or by a commit. Nothing was kept."
        " Compare, and submit again if your values are still what you want."
    )


def _typed(request: HttpRequest, page: SettingsPage) -> Document:
    if "json" not in request.POST:
        reader = Reader(page.feature.schema, request.POST, page.document)
        page.typed, page.sent = reader.read(), reader.typed
        if page.sent.problems:
            raise InvalidDocument(page.feature.name, page.sent.problems)
        return page.typed
    page.text = request.POST["json"]
    try:
        read = read_json(page.text)
    except NotJson as error:
        raise InvalidDocument(page.feature.name, [Problem("", str(error))]) from None
    return unmasked(read, page.document, page.feature.secrets)


def _tell(request: HttpRequest, page: SettingsPage, edited: drafts.Edited) -> None:
    if not edited.pending:
        messages.info(request, _("This is what is in force already; nothing is pending for it."))
        return
    reached = ", ".join(m.name for m in edited.reached) or _("no machine")
    messages.success(request, _("Kept as a pending change. After a commit it reaches: %s.") % reached)
    _warn_of_broken(request, page)
    warn_of_conflict(request, edited)
    if edited.overrides:
        spared = mode_labels(page.place.draft, [*edited.overrides.groups, *edited.overrides.machines])
        messages.warning(request, _("These keep their own settings and are not reached: %s.") % spared)


def warn_of_conflict(request: HttpRequest, edited: drafts.Edited) -> None:
    """Committing what was edited would end a conflict: said before, not after (TRL-14)."""
    if edited.settles:
        who = "; ".join(authorship_label(version) for version in edited.settles)
        text = _("These settings are in conflict: %(who)s. Committing your change settles it; compare first.")
        messages.warning(request, text % {"who": who})


def _warn_of_broken(request: HttpRequest, page: SettingsPage) -> None:
    """References that lead nowhere because of pending changes: a warning, no obstacle (DEP-01)."""
    names = {m.serial: m.name for m in page.place.draft.machines.values()}
    found: dict[tuple[str, str], list[str]] = {}
    for broken in drafts.broken_references(page.place.replica_id, page.place.user):
        wanted = broken.reference
        if page.feature.name in (broken.feature, wanted.feature):
            machines = found.setdefault((broken.feature, wanted.item), [])
            machines.append(names.get(broken.serial, broken.serial))
    for (name, item), machines in found.items():
        told = {"feature": name, "item": item, "names": ", ".join(dict.fromkeys(machines))}
        text = _("%(feature)s names “%(item)s”, which is not there on: %(names)s. See References.")
        messages.warning(request, text % told)


def _discard(request: HttpRequest, page: SettingsPage) -> HttpResponse:
    address = settings_at(page.mode, page.feature.name)
    try:
        with drafts.held(page.place.replica_id):
            page.require_shown(request.POST.get("base"))
            drafts.clear(page.place.replica_id, page.place.user, [address])
    except Overtaken as error:
        messages.error(request, str(error))
        return redirect(request.path)
    messages.success(request, _("Your pending change here is discarded."))
    return redirect(request.path)


ACTIONS = {
    "save": _save,
    "discard": _discard,
    "copy": transferring.act,
    "move": transferring.act,
    "delete": transferring.act,
    "bring_back": past.bring_back,
}
