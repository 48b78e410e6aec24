"""Parts of a recording on their way to a callback of asyncio, from the writer thread."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from media.recording.errors import UploadError
from media.recording.events import RecordingFailure
from peer.values import assign, dataclass

_log = logging.getLogger(__name__)

#: Seconds between the first two attempts to send a part, doubled from then on (ours).
_RETRY_AFTER: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Piece of a recording that a callback stores.

    Args:
        name: Name of the file that it belongs to.
        offset: Place of its first byte in that file.
        data: The bytes.
        replaces: True for a whole file, which takes the place of an earlier one of that name.
        last: True where the file is complete with it; `data` may be empty then.
    """

    name: str
    offset: int
    data: bytes
    replaces: bool = False
    last: bool = False


class UploadUnit(StrEnum):
    """Pieces in which a recording is handed to a callback."""

    #: As soon as one is complete, each half second: fragments, clusters or pages.
    FRAGMENT = "fragment"
    #: Each file of a series, when it is complete.
    FILE = "file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Callback as the destination of a recording: it is handed part after part.

    Args:
        send: Stores a part; it is awaited, one part at a time and in order. An exception is a
            failure to store it.
        name: Name of the first file, or template with the field `{n}`, as a recorder has it.
        each: Whether fragments or whole files are handed over.
        keep: Folder for parts that could not be sent, as files of their name, or as
            `NAME.OFFSET`; None where they are lost.
        waiting: Bytes that wait in memory at most. Beyond them parts are kept in `keep`; without
            it the recording waits, and frames are dropped and counted after some ten seconds.
        attempts: Attempts to send a part.
        timeout: Seconds of an attempt at most.
        patience: Seconds that the end of a recording waits for the parts that wait.
    """

    send: Callable[[Part], Awaitable[object] | None]
    name: str
    each: UploadUnit = UploadUnit.FRAGMENT
    keep: Path | None = None
    waiting: int = 64 << 20
    attempts: int = 3
    timeout: float = 60.0
    patience: float = 60.0

    def __post_init__(self) -> None:
        assign(self, "each", UploadUnit(self.each))
        if self.waiting < 1 or self.attempts < 1 or self.timeout <= 0 or self.patience < 0:
            raise ValueError("an upload has room, attempts and time above 0")
        if self.keep is not None and not Path(self.keep).is_dir():
            raise ValueError(f"there is no folder {self.keep} to keep parts in")


class Delivery:
    """Hands parts from the writer thread to the callback of an upload, in order and bounded.

    Args:
        upload: The callback, and its limits.
    """

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._changed = threading.Condition()
        self._parts: deque[Part] = deque()
        self._size = 0
        self._given_up = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._on_failure: Callable[[RecordingFailure], None] = lambda failure: None
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def patience(self) -> float:
        """Seconds that the end of a recording waits for parts."""
        return self._upload.patience

    def start(self, on_failure: Callable[[RecordingFailure], None]) -> None:
        """Begin to send, on the running event loop.

        Args:
            on_failure: Called on the loop where a part could not be sent.
        """
        self._loop = asyncio.get_running_loop()
        self._on_failure = on_failure
        self._task = asyncio.create_task(self._run())

    def put(self, part: Part) -> None:
        """Take a part on the writer thread; waits while too many wait, if none may be kept."""
        with self._changed:
            if part.replaces:
                self._drop_older(part.name)
            while self._is_full(part) and self._upload.keep is None and not self._given_up:
                self._changed.wait()
            full = self._given_up or self._is_full(part)
            if not full:
                self._parts.append(part)
                self._size += len(part.data)
        if full:
            why = "the recording has ended" if self._given_up else "the uploads are too slow"
            self._call(self._on_failure, self._dispose(part, why))
        else:
            self._call(self._wake.set)

    def hurry(self) -> None:
        """Give up sending when the patience of the upload is over."""
        if self._loop is not None and self._deadline is None:
            self._deadline = self._loop.call_later(self._upload.patience, self._give_up)

    async def finish(self) -> None:
        """Wait until each part was sent, kept or lost."""
        task = self._task
        if task is None:
            return
        self.hurry()
        self._wake.set()
        with self._changed:
            self._parts.append(_END)
        await asyncio.wait([task])
        if self._deadline is not None:
            self._deadline.cancel()
        left = self._take_all()
        for part in left:
            failure = await asyncio.to_thread(self._dispose, part, "the recording has ended")
            self._on_failure(failure)

    async def _run(self) -> None:
        while True:
            part = self._first()
            if part is None:
                self._wake.clear()
                if self._first() is None:
                    await self._wake.wait()
                continue
            if part is _END:
                return
            # It counts, and stays, until it is sent or kept.
            failure = await self._sent(part)
            if failure is not None:
                self._on_failure(await asyncio.to_thread(self._dispose, part, failure))
            self._remove(part)

    async def _sent(self, part: Part) -> str | None:
        """Send a part in several attempts, and return why it failed."""
        why = ""
        for attempt in range(self._upload.attempts):
            if attempt:
                await asyncio.sleep(_RETRY_AFTER * 2 ** (attempt - 1))
            limit = asyncio.timeout(self._upload.timeout)
            try:
                async with limit:
                    result: Any = self._upload.send(part)
                    if inspect.isawaitable(result):
                        await result
                return None
            except TimeoutError as error:
                why = str(error) or "it timed out"
                if limit.expired():
                    why = f"it took longer than {self._upload.timeout:g} s"
            except Exception as error:
                why = str(error) or type(error).__name__
            _log.info("part of %s at byte %d was not sent: %s", part.name, part.offset, why)
        return why

    def _dispose(self, part: Part, why: str) -> RecordingFailure:
        """Keep a part that is not sent, where that can be, and name what happened. Blocks."""
        kept: Path | None = None
        if self._upload.keep is not None and part.data:
            whole = part.replaces or (part.last and not part.offset)
            name = Path(part.name).name + ("" if whole else f".{part.offset:012}")
            kept = Path(self._upload.keep) / name
            try:
                kept.write_bytes(part.data)
            except OSError as error:
                why, kept = f"{why}; {error.strerror or error}", None
        where = Path(part.name)
        return RecordingFailure(
            UploadError(where, part.offset, why=why, kept=kept), where, ended=False
        )

    def _is_full(self, part: Part) -> bool:
        # One that is larger than all the room may wait alone.
        return bool(self._parts) and self._size + len(part.data) > self._upload.waiting

    def _drop_older(self, name: str) -> None:
        """Drop a whole file that waits, and is out of date; the first part may be on its way."""
        for old in [each for each in list(self._parts)[1:] if each.replaces and each.name == name]:
            self._parts.remove(old)
            self._size -= len(old.data)

    def _first(self) -> Part | None:
        with self._changed:
            return self._parts[0] if self._parts else None

    def _remove(self, part: Part) -> None:
        with self._changed:
            self._parts.popleft()
            self._size -= len(part.data)
            self._changed.notify_all()

    def _give_up(self) -> None:
        with self._changed:
            self._given_up = True
            self._changed.notify_all()
        if self._task is not None:
            self._task.cancel()

    def _take_all(self) -> list[Part]:
        with self._changed:
            left = [each for each in self._parts if each is not _END]
            self._parts.clear()
            self._size = 0
        return left

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        # A loop that is closed listens to nothing.
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function, *arguments)


#: Mark behind the last part.
_END: Final = Part(name="", offset=0, data=b"")
