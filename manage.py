#!/usr/bin/env python
"""The command `gatefold` of this tree, and Django's own commands for those who work on it."""

from portal.command import manage

if __name__ == "__main__":
    manage()
