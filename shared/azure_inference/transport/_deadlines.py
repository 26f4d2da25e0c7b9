"""Waits of async code that end at a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import TracebackType

from azure_inference.timeouts import Deadline


class InTime:
    """`asyncio.timeout` that raises an error of ours."""

    def __init__(self, deadline: Deadline, server: str) -> None:
        self._deadline = deadline
        self._server = server
        self._timeout = asyncio.timeout(deadline.remaining)

    def __aenter__(self) -> Awaitable[object]:  # not async itself: there is nothing to add, and one coroutine less
        return self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, traceback)
        except TimeoutError:
            raise self._deadline.error(self._server) from None
