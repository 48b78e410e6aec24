"""Folder in which the demo saves the traces of its latest calls."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Final

from peer.tracing.file import TraceWriter

if TYPE_CHECKING:
    from pathlib import Path

#: Calls whose traces are kept (ours); the oldest trace is deleted for a new one.
KEPT: Final = 100
#: Most bytes of one trace (ours), which are hours of a call.
_LARGEST: Final = 16 * 1024 * 1024
_PATTERN: Final = "call-*.jsonl"


class TraceFolder:
    """A folder of traces, one file for each call.

    Args:
        path: The folder, created if it is missing.
        kept: Most files. Only files with names of ours are ever deleted.

    Raises:
        OSError: The folder cannot be made or written to.
    """

    def __init__(self, path: Path, *, kept: int = KEPT) -> None:
        self.path = path
        self._kept = kept
        self._numbers = itertools.count(1)
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".handfast-probe"
        probe.touch()
        probe.unlink()

    def writer(self) -> TraceWriter:
        """Create the trace sink of a call that begins now.

        Raises:
            OSError: The file cannot be written.
        """
        began = time.strftime("%Y%m%d-%H%M%S")
        # Names are in the order of time, so that the oldest one is the first.
        name = next(
            name
            for number in self._numbers
            if not (name := self.path / f"call-{began}-{number:04}.jsonl").exists()
        )
        for old in sorted(self.path.glob(_PATTERN))[: -self._kept + 1 or None]:
            old.unlink(missing_ok=True)
        return TraceWriter(name, limit=_LARGEST)
