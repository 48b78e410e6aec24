"""Callbacks of asyncio as the destination of a recording, which upload it while it is made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from media.recording.errors import DestinationError
from media.recording.pieces import PieceBuffer
from media.recording.segments import FileNames
from media.recording.sinks.delivery import Delivery, Part, Upload, UploadUnit
from media.recording.sinks.whole_sink import WholeSink

if TYPE_CHECKING:
    from collections.abc import Callable

    from media.recording.destination import Sink
    from media.recording.segments import SegmentRule

#: Suffix of a file that is handed over anew with each fragment: a playlist.
_PLAYLIST = ".m3u8"


class UploadDestination:
    """Series of files that are handed to a callback, part after part.

    Args:
        upload: The callback, and its limits.

    Attributes:
        delivery: The parts on their way.

    Raises:
        ValueError: The template of names is malformed.
    """

    goes_on = True

    def __init__(self, upload: Upload) -> None:
        self._each = upload.each
        self._names = FileNames(upload.name)
        self.delivery = Delivery(upload)

    def check(self, rule: SegmentRule) -> None:
        """Check that the parts are bounded.

        Raises:
            DestinationError: Whole files are asked for, and nothing ends them.
        """
        if self._each is UploadUnit.FILE and rule.duration is None and rule.size is None:
            raise DestinationError(
                "whole files wait in memory until they are complete:"
                " give segment_duration or segment_size, or upload each fragment"
            )

    def name(self, number: int) -> Path:
        """Return the name of a file."""
        return self._names.name(number)

    def url(self, number: int) -> str | None:
        """Return None, as only the callback knows where it stores a file."""

    def after(self, number: int) -> int:
        """Return the number of the next file; which ones exist, only the callback knows."""
        return number + 1

    def open(self, path: Path, placeholder_of: Callable[[int], bytes]) -> Sink:
        """Begin a file, which its parts make at the callback."""
        put = self.delivery.put
        name = path.as_posix()
        if self._each is UploadUnit.FILE:
            return WholeSink(
                path,
                lambda data: put(Part(name=name, offset=0, data=data, replaces=True, last=True)),
            )
        if path.suffix == _PLAYLIST:
            return _Snapshots(path, name, put)
        return _Fragments(name, put)


class _Fragments(PieceBuffer):
    """Hands each piece on, as it is committed.

    Args:
        name: Name of the file.
        put: Takes a part; may block.
    """

    is_seekable = False

    def __init__(self, name: str, put: Callable[[Part], None]) -> None:
        super().__init__()
        self._name = name
        self._put = put
        self._closed = False

    def commit(self) -> bytes:
        """Hand the kept bytes on, and return them."""
        added, _ = self.collect()
        if added:
            self._put(Part(name=self._name, offset=self.size, data=added))
        self.size = self._end
        return added

    def synchronise(self) -> None:
        """Do nothing, as a part is on its way at once."""

    def close(self) -> None:
        """Say that the file is complete, unless nothing was in it."""
        if self.size and not self._closed:
            self._closed = True
            self._put(Part(name=self._name, offset=self.size, data=b"", last=True))


class _Snapshots(WholeSink):
    """Hands on the whole file each time that it has changed.

    Args:
        path: Name of the file in errors.
        name: Name of the file.
        put: Takes a part; may block.
    """

    def __init__(self, path: Path, name: str, put: Callable[[Part], None]) -> None:
        super().__init__(path, lambda data: self._tell(data, last=True))
        self._name = name
        self._put = put

    def commit(self) -> bytes:
        """Take the kept bytes into the file, and hand it on."""
        before = self.size
        added = super().commit()
        if self.size != before:
            self._tell(self.data, last=False)
        return added

    def _tell(self, data: bytes, *, last: bool) -> None:
        self._put(Part(name=self._name, offset=0, data=data, replaces=True, last=last))
