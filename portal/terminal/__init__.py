"""A person's terminal on a machine's command line, in the browser (section 5, row 6)."""
