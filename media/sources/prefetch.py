"""Bounded read-ahead of pieces on a worker thread."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from fractions import Fraction

    from media.sources.file_reader import PieceReader
    from media.sources.stream_decoder import Piece


class Prefetch:
    """Reads pieces ahead on a worker thread; all methods are for the event loop.

    Args:
        reader: Reader of one stream, used by the thread only.
        limit: Number of waiting pieces at which reading stops.
        executor: Runs one call at a time; None for a thread of its own.
    """

    def __init__(self, reader: PieceReader, limit: int, executor: Executor | None = None) -> None:
        self._reader = reader
        self._limit = limit
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix="read-file")
        self._pieces: deque[Piece] = deque()
        self._reading: asyncio.Future[list[Piece]] | None = None
        self._news = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None
        self._seeking = False
        self._closed = False

    @property
    def ready(self) -> bool:
        """True if a piece waits."""
        return bool(self._pieces)

    async def front(self) -> Piece | None:
        """Wait for the next piece and return it without taking it; None at the end.

        Raises:
            SourceError: The stream cannot be read.
        """
        while not self._pieces or self._seeking:
            if self._closed or (self._ended and not self._seeking):
                return None
            if self._error is not None:
                raise self._error
            self._read()
            self._news.clear()
            await self._news.wait()
        self._read()
        return self._pieces[0]

    def take(self) -> None:
        """Remove the front piece."""
        self._pieces.popleft()

    async def seek(self, position: Fraction) -> Fraction:
        """Drop all pieces and go on at a position; no piece is given until `resume`.

        Returns:
            The position found: the wanted one, or the nearest possible before it.

        Raises:
            SourceError: The stream cannot be read from there.
        """
        if self._closed:
            return position
        self._seeking = True
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._executor, self._reader.seek, position)
        # A read that ran before the seek has ended by now: its pieces are stale.
        self._pieces.clear()
        self._ended, self._error = False, None
        return found

    def resume(self) -> None:
        """Give pieces again after a seek."""
        self._seeking = False
        self._news.set()

    def close(self) -> None:
        """Give no more pieces, and close the reader when its thread is idle."""
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
        if full or over or self._seeking or self._reading is not None:
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
