"""Temporary recordings that pages asked for, each under an address that cannot be guessed."""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

#: Random octets in the address of a recording, which is the only protection it has (ours).
_SECRET: Final = 24
_FILE: Final = "clip.webm"


class Clip:
    """One recording, served only once it is complete.

    Attributes:
        path: The file to record to.
        name: The last part of its address.
    """

    def __init__(self, folder: ClipFolder, name: str, path: Path) -> None:
        self._folder = folder
        self.name = name
        self.path = path

    def publish(self) -> None:
        """Serve the recording, which is complete."""
        self._folder.served[self.name] = self.path

    def delete(self) -> None:
        """Stop serving the recording and delete it; may be called any number of times."""
        self._folder.served.pop(self.name, None)
        shutil.rmtree(self.path.parent, ignore_errors=True)


class ClipFolder:
    """Folder of all recordings of a demo.

    Args:
        path: A folder that no other user can read.

    Attributes:
        served: Files that are served, by the last part of their address.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.served: dict[str, Path] = {}

    def new(self) -> Clip:
        """Create a folder for a new recording.

        Raises:
            OSError: The folder cannot be created.
        """
        secret = secrets.token_urlsafe(_SECRET)
        folder = self._path / secret
        folder.mkdir(mode=0o700)
        return Clip(self, f"{secret}.webm", folder / _FILE)
