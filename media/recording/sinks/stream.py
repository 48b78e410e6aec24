"""File-like objects, pipes and sockets as the destination of a recording."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from media.recording.containers import Container
from media.recording.errors import DestinationError, RecordingError, named_error
from media.recording.pieces import PieceBuffer

if TYPE_CHECKING:
    from collections.abc import Callable

    from media.recording.segments import SegmentRule

if sys.platform != "win32":
    import fcntl


class Writable(Protocol):
    """File-like object that takes bytes, as those of `open(path, "wb")` and `io.BytesIO`."""

    def write(self, data: bytes, /) -> object:
        """Take bytes, and return how many were taken; None means all of them."""


class StreamSink(PieceBuffer):
    """Appends pieces to a file-like object, and corrects earlier ones where it can seek.

    Args:
        file: The object.
        where: Name of the object in errors.
        closes: True to close the object with the sink.
    """

    def __init__(self, file: Any, where: Path, *, closes: bool = False) -> None:
        super().__init__()
        self._file = file
        self._where = where
        self._closes = closes
        self.is_seekable = _can_correct(file)
        # The object may hold something already, that is not ours.
        self._start: int = self._file.tell() if self.is_seekable else 0

    def commit(self) -> bytes:
        """Write the kept bytes, and return those that were appended.

        Raises:
            RecordingError: The object takes no more.
        """
        added, patches = self.collect()
        try:
            self._put(added)
            if patches and self.is_seekable:
                for place, data in patches:
                    self._file.seek(self._start + place)
                    self._put(data)
                self._file.seek(self._start + self._end)
            if added or patches:
                self._flush()
        except Exception as failure:
            raise named_error("write", self._where, failure) from failure
        self.size = self._end
        return added

    def synchronise(self) -> None:
        """Flush the object, where it has something to flush.

        Raises:
            RecordingError: The object takes no more.
        """
        try:
            self._flush()
        except Exception as failure:
            raise named_error("flush", self._where, failure) from failure

    def close(self) -> None:
        """Close the object where it is ours, or else leave it open for its owner.

        Raises:
            RecordingError: The object says only now that it could not write.
        """
        if not self._closes:
            return
        try:
            self._file.close()
        except Exception as failure:
            raise named_error("close", self._where, failure) from failure

    def _flush(self) -> None:
        flush = getattr(self._file, "flush", None)
        if flush is not None:
            flush()

    def _put(self, data: bytes) -> None:
        while data:
            # A raw pipe takes a part, and others take all of it and do not tell.
            taken = self._file.write(data)
            if not isinstance(taken, int):
                return
            if taken <= 0:
                raise BlockingIOError("it takes no bytes")
            data = data[taken:]


class StreamDestination:
    """One file-like object as the destination of a recording, which is one file then.

    Args:
        file: The object.

    Raises:
        DestinationError: The object takes no bytes.
    """

    goes_on = False

    def __init__(self, file: Writable) -> None:
        given: object = file
        if isinstance(given, io.TextIOBase):
            raise DestinationError(f"{given!r} takes text, and no media: give its .buffer")
        if not callable(getattr(given, "write", None)):
            raise DestinationError(f"{given!r} is no path, and has no write()")
        self._file = file
        name = getattr(file, "name", None)
        self._name = Path(name if isinstance(name, str) and name else "stream")

    def check(self, container: Container, rule: SegmentRule) -> None:
        """Check that one stream can hold the recording.

        Raises:
            DestinationError: The container is more than one file, or limits ask for a series.
        """
        if container is Container.HLS:
            fit = ", ".join(each.value for each in Container if each is not Container.HLS)
            raise DestinationError(
                "HLS is a playlist and its media, which one stream cannot hold:"
                f" give a path or a callback, or one of {fit}"
            )
        if rule.duration is not None or rule.size is not None:
            raise DestinationError(
                "a stream holds one file, which has no limit of duration or size:"
                " give a path, a URL or a callback for a series"
            )

    def name(self, number: int) -> Path:
        """Return the name of the object."""
        return self._name

    def url(self, number: int) -> str | None:
        """Return None, as an object has no URL."""

    def after(self, number: int) -> int:
        """Return the number of the only file.

        Raises:
            RecordingError: It was written before.
        """
        if number:
            raise RecordingError("continue", self._name, why="a stream holds one file")
        return 1

    def open(self, path: Path, placeholder_of: Callable[[int], bytes]) -> StreamSink:
        """Begin to write to the object.

        Raises:
            RecordingError: The object is closed.
        """
        try:
            return StreamSink(self._file, path)
        except Exception as failure:
            raise named_error("create", path, failure) from failure


def _can_correct(file: Any) -> bool:
    """Tell if bytes that a file-like object has taken can be written over."""
    seekable = getattr(file, "seekable", None)
    if seekable is None or not seekable():
        return False
    if sys.platform != "win32":
        # Objects without a descriptor say so by an error.
        with suppress(AttributeError, OSError, TypeError, ValueError):
            # As of `>>` in a shell: each write would go to the end.
            return not fcntl.fcntl(file.fileno(), fcntl.F_GETFL) & os.O_APPEND
    return True
