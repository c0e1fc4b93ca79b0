"""Named moments at which a test can end this process as a power cut would (GATEFOLD_KILL_AT)."""

import os
import signal

KILL_AT = os.environ.get("GATEFOLD_KILL_AT", "")


def passed(point: str) -> None:
    """Ends the process on the spot if it was told to die at this point."""
    if point == KILL_AT:
        os.kill(os.getpid(), signal.SIGKILL)
