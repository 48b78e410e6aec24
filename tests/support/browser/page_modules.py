"""Modules of pages that need no browser, run by node."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tests.support.project.tools import ROOT, tool_path

if TYPE_CHECKING:
    from collections.abc import Iterator

_DRIVER = Path(__file__).with_suffix(".mjs")
_MODULES = ROOT / "signaling" / "browser"


class PageError(Exception):
    """A function of a module has thrown."""


class PageModules:
    """`handfast-phrase.js` and `handfast-trust.js`, called by name.

    Args:
        requests: Takes a call a line.
        answers: Gives an answer a line.
    """

    def __init__(self, requests: IO[str], answers: IO[str]) -> None:
        self._requests, self._answers = requests, answers

    def call(self, name: str, /, **named: object) -> Any:
        """Call a function of the driver.

        Raises:
            PageError: It has thrown.
        """
        self._requests.write(json.dumps({"call": name, **named}) + "\n")
        self._requests.flush()
        answer = json.loads(self._answers.readline())
        if "error" in answer:
            raise PageError(answer["error"])
        return answer.get("result")


@contextlib.contextmanager
def page_modules(folder: Path) -> Iterator[PageModules]:
    """Run the modules, copied to a folder where node takes them for ES modules."""
    for module in _MODULES.glob("*.js"):
        shutil.copy(module, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    # It comes with the compiler of the types of these modules.
    command = [tool_path("typescript"), str(_DRIVER), str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield PageModules(process.stdin, process.stdout)
        finally:
            # It ends with its input.
            process.stdin.close()
