"""Work on the database from the event loop: a few threads, each with its own connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
_THREADS = ThreadPoolExecutor(max_workers=6, thread_name_prefix="replica")


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """What `work` returns, called in a thread; raises what it raises."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work, *arguments)
