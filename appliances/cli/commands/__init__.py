"""One module per family of commands; each has a list COMMANDS."""
