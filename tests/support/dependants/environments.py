"""Environments of the dependants: one below .cache/dependants for each, with handfast's needs.

Usage: `python -m tests.support.dependants.environments [NAME...]` makes those that are missing.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.support.project.tools import PYTHON_3_12, ROOT

#: Environments are made anew where these change.
_MADE = ".made-of"


@dataclass(frozen=True, slots=True)
class Dependant:
    """A package that imports aiortc by its name.

    Args:
        name: Its name on PyPI.
        requirements: What pip installs.
        python: The interpreter; None where this machine has none that the package takes.
        source: What is kept beside it as a source distribution; None for nothing.
    """

    name: str
    requirements: tuple[str, ...]
    python: str | None = sys.executable
    source: str | None = None

    @property
    def folder(self) -> Path:
        """The folder of its environment."""
        return ROOT / ".cache" / "dependants" / self.name

    @property
    def interpreter(self) -> Path:
        """The Python of its environment, whether there is one or not."""
        return self.folder / "bin" / "python"

    @property
    def is_made(self) -> bool:
        """Whether the environment stands, of these requirements and for this checkout."""
        note = self.folder / _MADE
        return note.exists() and note.read_text() == self._note()

    def make(self) -> None:
        """Make the environment.

        Raises:
            subprocess.CalledProcessError: The package cannot be installed.
        """
        if self.python is None:
            return
        subprocess.run([self.python, "-m", "venv", "--clear", str(self.folder)], check=True)
        pip = [str(self.interpreter), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *self.requirements, *_our_requirements()], check=True)
        if self.source is not None:
            name = self.source.partition("==")[0]
            command = ["download", "--quiet", "--no-deps", f"--no-binary={name}", self.source]
            subprocess.run([*pip[:-2], *command, f"--dest={self.folder}"], check=True)
        (self.folder / _MADE).write_text(self._note())

    def unpacked(self, folder: Path) -> Path:
        """Unpack the source distribution into a folder, and return the folder of it."""
        [archive] = self.folder.glob("*.tar.gz")
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
        return folder / archive.name.removesuffix(".tar.gz")

    def _note(self) -> str:
        source = () if self.source is None else (self.source,)
        return "\n".join((*self.requirements, *source, *_our_requirements(), str(ROOT)))


DEPENDANTS = {
    each.name: each
    for each in (
        Dependant("fastrtc", ("fastrtc==0.0.34",)),
        Dependant("streamlit-webrtc", ("streamlit-webrtc==0.79.0",)),
        Dependant("pipecat-ai", ("pipecat-ai[webrtc]==1.14.0", "fastapi")),
        Dependant("pymediasoup", ("pymediasoup==1.5.0",)),
        Dependant("rtcbot", ("rtcbot==0.2.5",)),
        Dependant("fastapi-webrtc", ("fastapi-webrtc[aiortc]==0.3.0",), PYTHON_3_12),
        # No package: aiortc's own examples, which only its source distribution has.
        Dependant(
            "aiortc-examples", ("aiohttp", "opencv-python-headless"), source="aiortc==1.16.0"
        ),
    )
}


def _our_requirements() -> list[str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        needed: list[str] = tomllib.load(file)["project"]["dependencies"]
    return [re.sub(r"\s+", "", each) for each in needed]


def main(names: list[str]) -> int:
    """Make the environments of these names, or of all, that are missing."""
    for name in names or DEPENDANTS:
        dependant = DEPENDANTS[name]
        if dependant.python is None:
            print(f"{name}: there is no Python for it here")
        elif not dependant.is_made:
            print(f"{name}: installing it into {dependant.folder.relative_to(ROOT)}", flush=True)
            dependant.make()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
