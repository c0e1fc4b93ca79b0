"""What the docs state in figures, each by one command: `python -m bench NAME`."""
