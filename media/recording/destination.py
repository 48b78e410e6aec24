"""Interfaces of a destination of recordings, and of one file that is written there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from media.recording.pieces import Whence


class Sink(Protocol):
    """One file of a recording while it is written, in whole pieces. Every call may block."""

    @property
    def size(self) -> int:
        """The bytes that were committed."""

    @property
    def is_seekable(self) -> bool:
        """True where bytes that were committed can be corrected."""

    def write(self, data: bytes) -> int:
        """Keep bytes for the present position."""

    def seek(self, offset: int, whence: Whence = os.SEEK_SET) -> int:
        """Set the position, and return it."""

    def tell(self) -> int:
        """Return the present position."""

    def commit(self) -> bytes:
        """Write the kept bytes, and return those that were appended.

        Raises:
            RecordingError: The bytes cannot be written.
        """

    def synchronise(self) -> None:
        """Have the system write the file to the medium.

        Raises:
            RecordingError: The system cannot write it.
        """

    def close(self) -> None:
        """Close the file without the bytes that were not committed.

        Raises:
            RecordingError: The end of the file cannot be written.
        """


class Destination(Protocol):
    """Place of the files of one recording; files are numbered from 1.

    Attributes:
        goes_on: True where another file may follow the first.
    """

    @property
    def goes_on(self) -> bool:
        """True where another file may follow the first."""

    def name(self, number: int) -> Path:
        """Return the path of a file, or the name of one that has no path."""

    def url(self, number: int) -> str | None:
        """Return the URL of a file; None where it has none."""

    def after(self, number: int) -> int:
        """Return the number of the file to write after a number; after 0, of the first.

        Raises:
            RecordingError: The files that are there cannot be listed.
        """

    def open(self, path: Path, placeholder_of: Callable[[int], bytes]) -> Sink:
        """Open the file of a name, which is empty then.

        Args:
            path: Name by `name`, or that of a file beside it.
            placeholder_of: Returns the header that hides a piece of so many bytes while it is
                written, where the destination could show a part of one.

        Raises:
            RecordingError: The file cannot be created.
        """
