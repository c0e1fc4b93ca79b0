"""Everything that people read has its Japanese: collected anew from the code, held against the catalogue."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

from appliances.features import wording

ROOT = Path(__file__).resolve().parent.parent
JAPANESE = ROOT / "locale/ja/LC_MESSAGES/django.po"
SOURCES = ("appliances", "clusters", "portal", "templates")
NAMES = {"API", "Gatefold", "HTML", "HTTP", "HTTPS", "SSH", "TLS"}
"""What is the same in both languages."""

HELD = re.compile(r"%\(\w+\)[a-z]|%[a-z]|\{\w*(?:![a-z])?\}|`[^`]+`|</?\w+[^>]*>")
"""What a translation keeps as it is: placeholders, words to be typed, tags."""

HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\nPlural-Forms: nplurals=1; plural=0;\\n"\n'


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    # Without settings makemessages writes below the working directory and not into our catalogue.
    env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The strings of the code as a template. Copied first: the collector writes beside what it reads."""
    copy = tmp_path_factory.mktemp("sources")
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "static"))
    (copy / "locale").mkdir()
    command = (sys.executable, "-m", "django", "makemessages", "-l", "ja", "--no-location", "--keep-pot")
    done = run(*command, cwd=copy)
    assert done.returncode == 0, done.stderr
    return copy / "locale/django.pot"


KEPT = {"say", "JobFailed", "JobCancelled", "Permanent", "Passing"}
"""Calls whose texts the portal keeps for readers of any language."""


def of_one_language(source: str) -> bool:
    """Whether a module keeps texts and takes its words from Django: they would stay as said now."""
    tree = ast.parse(source)
    calls = {
        getattr(n.func, "attr", getattr(n.func, "id", "")) for n in ast.walk(tree) if isinstance(n, ast.Call)
    }
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    django = any(
        node.module == "django.utils.translation" and (name.name, name.asname) == ("gettext", "_")
        for node in imports
        for name in node.names
    )
    return django and not KEPT.isdisjoint(calls)


def untranslated(catalogue: Path, template: Path) -> str:
    """What the template has and the catalogue lacks, has empty, or has only as a guess."""
    told = run("msgcmp", catalogue, template).stderr
    return "\n".join(line for line in told.splitlines() if "warning:" not in line)


def entries(catalogue: Path) -> Iterator[tuple[str, str]]:
    """Each message id (the plural where there is one) with its translation."""
    plain = run("msgcat", "--no-wrap", "--to-code=UTF-8", catalogue)
    assert plain.returncode == 0, plain.stderr
    for block in plain.stdout.split("\n\n")[1:]:
        found: dict[str, str] = {}
        keyword = ""
        for line in block.splitlines():
            if line.startswith(("msg", '"')):
                start, _space, text = ("", "", line) if line.startswith('"') else line.partition(" ")
                keyword = start or keyword
                found[keyword] = found.get(keyword, "") + ast.literal_eval(text)
        if "msgid" in found:
            yield found.get("msgid_plural", found["msgid"]), found.get("msgstr", found.get("msgstr[0]", ""))


def disagreements(catalogue: Path) -> list[str]:
    """Translations that lose or invent a placeholder, a command or a margin, or are still English."""
    wrong = []
    for english, japanese in entries(catalogue):
        if Counter(HELD.findall(english)) != Counter(HELD.findall(japanese)):
            wrong.append(f"{english!r} and {japanese!r} hold different things")
        if (english[:1] == " ") != (japanese[:1] == " "):
            wrong.append(f"{english!r} and {japanese!r} begin differently")
        if english == japanese and english not in NAMES:
            wrong.append(f"{english!r} is still English")
    return wrong


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(HEAD + text, encoding="utf-8")
    return path


def test_every_string_of_the_code_has_its_japanese(collected: Path) -> None:
    assert len(list(entries(collected))) > 500
    assert untranslated(JAPANESE, collected) == "", "collect them with `make extract`"


def test_translations_keep_placeholders_commands_and_margins() -> None:
    assert disagreements(JAPANESE) == []


def test_what_the_portal_keeps_is_kept_in_no_language() -> None:
    modules = [path for path in (ROOT / "portal").rglob("*.py") if of_one_language(path.read_text())]
    assert modules == [], "take `phrase as _` from clusters.phrases"


@pytest.mark.parametrize("call", ["job.say(_('Done'))", "raise JobFailed(_('Gone'))"])
def test_text_that_is_kept_in_one_language_is_found(call: str) -> None:
    assert of_one_language(f"from django.utils.translation import gettext as _\n{call}\n")
    assert not of_one_language(f"from clusters.phrases import phrase as _\n{call}\n")


def test_the_catalogue_compiles(tmp_path: Path) -> None:
    done = run("msgfmt", "--check", "-o", tmp_path / "django.mo", JAPANESE)
    assert (done.returncode, done.stderr) == (0, "")


def test_words_of_features_are_said_in_japanese() -> None:
    with translation.override("ja"):
        said = wording.say(wording._("must be at least {ge}"), ge=3)
    assert said == "3 以上にしてください", "not compiled? `make messages`"


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param("", id="missing"),
        pytest.param('\nmsgid "Commit"\nmsgstr ""\n', id="empty"),
        pytest.param('\n#, fuzzy\nmsgid "Commit"\nmsgstr "コミット"\n', id="fuzzy"),
    ],
)
def test_a_string_without_translation_is_found(entry: str, tmp_path: Path) -> None:
    template = written(tmp_path, "wanted.pot", '\nmsgid "Commit"\nmsgstr ""\n')
    assert "found 1 fatal error" in untranslated(written(tmp_path, "ja.po", entry), template)


def test_a_string_with_its_translation_is_not_complained_about(tmp_path: Path) -> None:
    template = written(tmp_path, "wanted.pot", '\nmsgid "Commit"\nmsgstr ""\n')
    catalogue = written(tmp_path, "ja.po", '\nmsgid "Commit"\nmsgstr "コミット"\n')
    assert (untranslated(catalogue, template), disagreements(catalogue)) == ("", [])


@pytest.mark.parametrize(
    ("english", "japanese"),
    [
        pytest.param("Group %(name)s", "グループ %(nam)s", id="another placeholder"),
        pytest.param("Unknown {word!r}", "不明 {word}", id="another conversion"),
        pytest.param("See `help {name}`", "`hlp {name}` を参照", id="another command"),
        pytest.param("  kept: {who}", "保存: {who}", id="no margin"),
        pytest.param("Group", "Group", id="English"),
    ],
)
def test_a_translation_that_disagrees_is_found(english: str, japanese: str, tmp_path: Path) -> None:
    catalogue = written(tmp_path, "ja.po", f'\nmsgid "{english}"\nmsgstr "{japanese}"\n')
    assert len(disagreements(catalogue)) == 1
