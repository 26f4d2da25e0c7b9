"""What has come over a connection that is at rest: the next answer must not begin with it."""

from __future__ import annotations

import functools
import select
from collections.abc import Callable
from typing import Any


def arrivals_of(socket: Any) -> Callable[[], Any]:
    """What tells whether bytes, or the end, have come over a socket that nobody has read yet.

    Not for two threads at once.
    """
    if not hasattr(select, "poll"):  # Windows
        return lambda: select.select([socket], [], [], 0)[0]
    poll = select.poll()  # which takes sockets of any number
    poll.register(socket, select.POLLIN)
    return functools.partial(poll.poll, 0)
