#!/usr/bin/env python
"""Entry point of both roles: the portal, and `machine`, the program on each gateway."""

import os
import sys


def main() -> None:
    role = "machine" if sys.argv[1:2] in (["machine"], ["release"]) else "portal"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"portal.settings.{role}")
    from django.core.management import execute_from_command_line  # settings must be named first

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
