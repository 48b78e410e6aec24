"""Owns reading ahead on a worker thread, into a queue that has an end."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from fractions import Fraction

    from media.sources.file_reader import Piece, Reader


class Prefetch:
    """Lives on the event loop; the reader is used by its thread only.

    Args:
        reader: Of one stream.
        limit: Nothing is read while this many pieces wait.
        executor: Runs one thing at a time; None for a thread of its own.
    """

    def __init__(self, reader: Reader, limit: int, executor: Executor | None = None) -> None:
        self._reader = reader
        self._limit = limit
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix="read-file")
        self._pieces: deque[Piece] = deque()
        self._reading: asyncio.Future[list[Piece]] | None = None
        self._news = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None
        self._held = False
        self._closed = False

    @property
    def ready(self) -> bool:
        """Whether a piece waits."""
        return bool(self._pieces)

    async def front(self) -> Piece | None:
        """The piece that is next, which stays; None at the end.

        Raises:
            SourceError: It cannot be read.
        """
        while not self._pieces or self._held:
            if self._closed or (self._ended and not self._held):
                return None
            if self._error is not None:
                raise self._error
            self._read()
            self._news.clear()
            await self._news.wait()
        self._read()
        return self._pieces[0]

    def take(self) -> None:
        """The front piece is used."""
        self._pieces.popleft()

    async def seek(self, position: Fraction) -> Fraction:
        """Drop all that waits and go on elsewhere; nothing is given until `resume`.

        Returns:
            Where it goes on: there, or at the nearest place before that.

        Raises:
            SourceError: It cannot.
        """
        if self._closed:
            return position
        self._held = True
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._executor, self._reader.seek, position)
        # What was being read until then is for nobody: the thread did that first.
        self._pieces.clear()
        self._ended, self._error = False, None
        return found

    def resume(self) -> None:
        """Give pieces again."""
        self._held = False
        self._news.set()

    def close(self) -> None:
        """Give nothing more, and let go of the file when the thread is done with it."""
        if self._closed:
            return
        self._closed = True
        self._pieces.clear()
        self._news.set()
        self._executor.submit(self._reader.close)
        self._executor.shutdown(wait=False)

    def _read(self) -> None:
        full = len(self._pieces) >= self._limit
        over = self._ended or self._closed or self._error is not None
        if full or over or self._held or self._reading is not None:
            return
        loop = asyncio.get_running_loop()
        self._reading = loop.run_in_executor(self._executor, self._reader.read)
        self._reading.add_done_callback(self._take)

    def _take(self, done: asyncio.Future[list[Piece]]) -> None:
        error = None if done.cancelled() else done.exception()
        self._reading = None
        if done.cancelled() or self._closed:
            return
        if isinstance(error, Exception):
            self._error = error
        elif pieces := done.result():
            self._pieces.extend(pieces)
        else:
            self._ended = True
        self._news.set()
        self._read()
