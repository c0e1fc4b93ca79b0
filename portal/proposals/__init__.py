"""Careful commits: proposals, approval by a second person, commit windows, machines that try first.

A proposal holds a person's changes and brings them into force when its cluster's policy allows it:

    deciding       propose, approve, refuse, withdraw, take back
    carrying_out   from decided to committed: window, try, the whole change, return
    watching       the machines that try; the sweep, which needs no message
    stop_rule      what speaks against going on
    policy, windows, proposal                            what is kept
"""
