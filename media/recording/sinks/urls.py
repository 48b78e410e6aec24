"""URLs of fsspec as the destination of a recording: object stores, SSH, memory and more."""

from __future__ import annotations

import importlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from media.recording.errors import DestinationError, named_error
from media.recording.segments import FileNames
from media.recording.sinks.stream import StreamSink
from media.recording.sinks.whole_sink import WholeSink

if TYPE_CHECKING:
    from collections.abc import Callable

    from media.recording.destination import Sink

_MARK: Final = "://"
#: Suffix of a file whose end is written over with each piece: a playlist.
_PLAYLIST: Final = ".m3u8"


def is_url(where: str | Path) -> bool:
    """Tell if a name of a file is a URL, as fsspec takes it."""
    return isinstance(where, str) and _MARK in where


class UrlDestination:
    """Series of files at URLs of fsspec, numbered as those of a path are.

    Args:
        url: URL of the first file, or template with the field `n`.
        anew: True to overwrite the file at `url`, where that is no template.

    Raises:
        DestinationError: fsspec is not installed, or knows no such URL.
        ValueError: The template is malformed.
    """

    goes_on = True

    def __init__(self, url: str, *, anew: bool = True) -> None:
        prefix, mark, place = url.rpartition(_MARK)
        self._prefix = prefix + mark
        self._names = FileNames(place, anew=anew)
        self._anew = anew and "{" not in place
        try:
            core: Any = importlib.import_module("fsspec.core")
        except ImportError as error:
            why = "needs fsspec: pip install handfast[fsspec]"
            raise DestinationError(f"{url} {why}") from error
        try:
            self._system, _ = core.url_to_fs(self.url(1))
        except (ImportError, ValueError) as error:
            raise DestinationError(f"{url} cannot be recorded to: {error}") from error

    def name(self, number: int) -> Path:
        """Return the path of a file in its file system."""
        return self._names.name(number)

    def url(self, number: int) -> str:
        """Return the URL of a file."""
        return self._url(self.name(number))

    def after(self, number: int) -> int:
        """Return the number of the next file that does not exist; after 0, of the first.

        Raises:
            RecordingError: The file system does not say.
        """
        number += 1
        try:
            while not (self._anew and number == 1) and self._system.exists(self.url(number)):
                number += 1
        except Exception as failure:
            raise named_error("create", self.name(number), failure) from failure
        return number

    def open(self, path: Path, placeholder_of: Callable[[int], bytes]) -> Sink:
        """Open a file, which most stores show only once it is closed.

        Raises:
            RecordingError: The store does not take it.
        """
        try:
            file = self._system.open(self._url(path), "wb")
            sink = _UrlSink(file, path, lambda: self._system.rm(self._url(path)))
        except Exception as failure:
            raise named_error("create", path, failure) from failure
        if sink.is_seekable or path.suffix != _PLAYLIST:
            return sink
        return WholeSink(path, lambda data: _write_whole(sink, data))

    def _url(self, path: Path) -> str:
        return self._prefix + path.as_posix()


class _UrlSink(StreamSink):
    """File at a URL, which is deleted where nothing was written.

    Args:
        file: The open file.
        where: Name of the file in errors.
        remove: Deletes the file.
    """

    def __init__(self, file: Any, where: Path, remove: Callable[[], None]) -> None:
        super().__init__(file, where, closes=True)
        self._remove = remove
        self._closed = False

    def close(self) -> None:
        """Close the file, so that the store has it.

        Raises:
            RecordingError: The store says only now that it does not take it.
        """
        if self._closed:
            return
        self._closed = True
        super().close()
        if not self.size:
            with suppress(Exception):
                self._remove()


def _write_whole(sink: Sink, data: bytes) -> None:
    sink.write(data)
    sink.commit()
    sink.close()
