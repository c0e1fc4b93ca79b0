"""The command `gatefold`, and `manage.py`: picks the settings of a role and hands the words to Django.

    gatefold portal COMMAND ...       gatefold machine COMMAND ...
    gatefold release COMMAND ...      gatefold demo ...

What a role can do is found in its folder `management/commands`; the first line of a command's module says
what it is for. `manage.py` takes the same words, and those of the portal without its name (INS-03).
"""

from __future__ import annotations

import ast
import os
import platform
import sys
from collections.abc import Callable
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import NoReturn

from appliances.releases.program import TREE
from portal.settings.environment import DEFAULT_VAR, BadEnvironment, default_var

ROLES = {
    "portal": "the site that manages clusters: its web server, worker, database and people",
    "machine": "the program on one gateway: its copy of the cluster, its links, its Postfix",
    "release": "packs this program as a release that machines can upgrade to",
    "demo": "a portal with three clusters and mail on this host alone, to try things out; needs root",
}
SERVERS = {
    "web": "serve pages, API and WebSocket; takes the options of daphne, such as -b ADDRESS -p PORT",
    "worker": "follow the clusters and do the background work; takes the options of celery's worker",
    "beat": "the clock of the background work, once per portal; takes the options of celery's beat",
}
DJANGO = {
    "migrate": "make the tables of the database, or bring them to this release",
    "collectstatic": "collect the style sheets, scripts and pictures that pages need",
    "check": "look for mistakes in the settings",
    "createsuperuser": "make a person who may do everything",
    "changepassword": "give a person another passphrase",
    "clearsessions": "forget the sessions that have ended",
    "shell": "Python with the portal's tables, for those who know them",
}
"""Commands that come with Django and that those who run a portal need; all others work as well."""
LENDERS = (
    "django.core",
    *(f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions", "staticfiles")),
    "drf_spectacular",
)
"""Whose commands the portal has beside its own."""
OF_DEVELOPERS = {"--version", "--verbosity", "--settings", "--pythonpath", "--traceback"} | {
    "--no-color",
    "--force-color",
    "--skip-checks",
}
"""Options that every command of Django takes; they work, and are no part of what is explained."""
NOT_LISTED = frozenset({"demo", "demo_mail", "screenshots"})
"""Commands of the portal that only the demo and our documents need."""


def main() -> None:
    """`gatefold`: without a word, or with one that it does not know, it says what there is."""
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
    elif words[0] in ("--version", "version"):
        print(_version())
    elif words[0] in ROLES:
        _enter(words[0], words[1:])
    else:
        _refuse(_meant("gatefold", words[0], ROLES), "gatefold --help")


def manage() -> None:
    """`manage.py`: what begins with a role is that of `gatefold`, all else is the portal's."""
    words = sys.argv[1:]
    if words[:1] and words[0] in ROLES:
        _enter(words[0], words[1:])
    elif words[:1] and words[0] in SERVERS:
        _portal("manage.py", words)
    else:
        # A developer's settings, such as those of the tests, stay in force where no role is named.
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.portal")
        _explained(lambda: _looked_over("manage.py", words))


def _enter(role: str, words: list[str]) -> None:
    settings = "portal" if role in ("portal", "demo") else "machine"
    os.environ["DJANGO_SETTINGS_MODULE"] = f"portal.settings.{settings}"
    if role == "portal":
        _portal("gatefold portal", words)
    elif role == "demo":
        _demo(words)
    elif role == "machine" and words[:1] and words[0] in _own("appliances") - {"machine", "release"}:
        _explained(lambda: _django("gatefold machine", words))
    else:
        _explained(lambda: _django("gatefold", [role, *(words or ["--help"])]))


def _portal(program: str, words: list[str]) -> None:
    known = _of_portal()
    if not words or words in (["-h"], ["--help"], ["help"]):
        print(_portal_overview())
    elif words[0] in SERVERS:
        _explained(lambda: _serve(words[0], words[1:]))
    elif words[0] in known or words[0] == "help":
        _explained(lambda: _looked_over(program, words))
    else:
        _refuse(_meant(program, words[0], known), f"{program} --help")


def _demo(words: list[str]) -> None:
    # A portal at work may be installed here too: the demo, whose passphrases everybody knows, keeps apart.
    os.environ.setdefault("GATEFOLD_VAR", str(default_var(TREE, "gatefold-demo")))
    _explained(lambda: _looked_over("gatefold", ["demo", *words]))


def _explained(act: Callable[[], None]) -> None:
    """Ends with one sentence where the environment is at fault."""
    try:
        act()
    except BadEnvironment as error:
        sys.exit(str(error))


def _looked_over(program: str, words: list[str]) -> None:
    from portal.entrance import explained, look_over  # imports what a machine can do without

    with explained():
        look_over(words[0] if words else "help")
        _django(program, words)


def _django(program: str, words: list[str]) -> None:
    from django.core.management import (
        BaseCommand,
        execute_from_command_line,
    )  # settings are to be named first

    if program != "manage.py":
        BaseCommand.suppressed_base_arguments = OF_DEVELOPERS
    execute_from_command_line([program, *words])


def _serve(kind: str, words: list[str]) -> None:
    if kind == "web":
        from daphne.cli import CommandLineInterface  # with the next: each server needs only its own

        server = CommandLineInterface()
        server.parser.prog = "gatefold portal web"
        server.run([*words, "portal.asgi:application"])
        return
    from celery.bin.celery import celery

    pool = ["--pool", "threads"] if kind == "worker" else []
    celery.main(["--app", "portal.celery", kind, *pool, *words], prog_name="gatefold portal")


# what there is


def _own(package: str) -> set[str]:
    """The commands in a package's folder; nothing of it is imported, since no settings are named yet."""
    found = find_spec(package)
    places = found.submodule_search_locations if found else None
    folders = [str(Path(place) / "management" / "commands") for place in places or ()]
    return {each.name for each in iter_modules(folders) if not each.name.startswith("_")}


def _of_portal() -> set[str]:
    found = set.union(*map(_own, ("portal", "appliances", *LENDERS)))
    return (found | SERVERS.keys()) - {"machine", "release"}


def _purpose(command: str) -> str:
    """The first line of the command's module, without its name before the colon."""
    text = (TREE / "portal" / "management" / "commands" / f"{command}.py").read_text("utf-8")
    first = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    return (first.partition("`: ")[2] or first).rstrip(".")


def _overview() -> str:
    return f"""Central management for clusters of email gateways.

usage: gatefold ROLE COMMAND ...

{_table(ROLES)}

`gatefold ROLE --help` lists the commands of a role. `gatefold --version` says which release this is, and
where it lies. All state is in the folder that GATEFOLD_VAR names; without one, in
{DEFAULT_VAR}, and that of a machine where its --home says."""


def _portal_overview() -> str:
    ours = {name: _purpose(name) for name in sorted(_own("portal") - NOT_LISTED)}
    return f"""usage: gatefold portal COMMAND ...

Servers, each in the foreground until SIGTERM:
{_table(SERVERS)}

Once, or now and then:
{_table(ours)}

Commands that Django brings:
{_table(DJANGO)}

`gatefold portal COMMAND --help` says what a command takes."""


def _table(lines: dict[str, str]) -> str:
    width = max(map(len, lines)) + 2
    return "\n".join(f"  {name:<{width}}{about}" for name, about in lines.items())


def _version() -> str:
    from appliances.machine.release import release  # with the tree's own file, which `--help` can do without

    return f"gatefold {release()} (Python {platform.python_version()}, {TREE})"


# what there is not


def _meant(program: str, word: str, known: dict[str, str] | set[str]) -> str:
    """What somebody meant who wrote a word that is not known there."""
    if program == "gatefold" and word in _of_portal():
        return f"`{word}` is a command of the portal: write `gatefold portal {word}`."
    close = get_close_matches(word, sorted(known), n=1)
    return f"`{program}` knows no `{word}`." + (f" Did you mean `{program} {close[0]}`?" if close else "")


def _refuse(what: str, where: str) -> NoReturn:
    print(f"{what} `{where}` lists what there is.", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
