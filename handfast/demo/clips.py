"""Owns the recordings that pages asked for: where they lie, and by which secret each is found."""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

#: Octets of randomness in an address: whoever knows it may see the recording, and nobody guesses.
_SECRET: Final = 24
_FILE: Final = "clip.webm"


class Clip:
    """One recording, which nobody finds before it is complete.

    Attributes:
        path: Where it is to be written.
        name: The last part of its address.
    """

    def __init__(self, folder: ClipFolder, name: str, path: Path) -> None:
        self._folder = folder
        self.name = name
        self.path = path

    def publish(self) -> None:
        """It is complete: let it be found."""
        self._folder.served[self.name] = self.path

    def delete(self) -> None:
        """Let it be found no more, and remove it; any number of times."""
        self._folder.served.pop(self.name, None)
        shutil.rmtree(self.path.parent, ignore_errors=True)


class ClipFolder:
    """All recordings of a demo.

    Args:
        path: A folder that nobody else can read.

    Attributes:
        served: Files that may be seen, by the last part of their address.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.served: dict[str, Path] = {}

    def new(self) -> Clip:
        """A place for a recording.

        Raises:
            OSError: There is none.
        """
        secret = secrets.token_urlsafe(_SECRET)
        folder = self._path / secret
        folder.mkdir(mode=0o700)
        return Clip(self, f"{secret}.webm", folder / _FILE)
