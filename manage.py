#!/usr/bin/env python
"""Entry point of both roles: the portal, and `machine`, the program on each gateway."""

import os
import sys

from portal.settings.environment import BadEnvironment


def main() -> None:
    role = "machine" if sys.argv[1:2] in (["machine"], ["release"]) else "portal"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"portal.settings.{role}")
    try:
        (_portal if role == "portal" else _execute)()
    except BadEnvironment as error:
        sys.exit(str(error))


def _portal() -> None:
    from portal.entrance import explained, look_over  # imports what a machine can do without

    with explained():
        look_over(sys.argv[1] if sys.argv[1:] else "help")
        _execute()


def _execute() -> None:
    from django.core.management import execute_from_command_line  # settings must be named first

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
