"""Benchmark of imports: processor time of a connection's, and memory of the room server's.

Usage: `python -m benchmarks.imports [ROUNDS]`. Exits with 1 where a target is missed.
"""

from __future__ import annotations

import asyncio
import compileall
import os
import sys
from typing import TYPE_CHECKING, Final, Self

import peer
import signaling
from benchmarks.harness import compare, run_rounds
from benchmarks.targets import Target, judge

if TYPE_CHECKING:
    from rich.console import Console

#: Rounds that do not count, rounds by default, and most rounds (ours).
WARM_UP, ROUNDS, MOST_ROUNDS = 2, 20, 1000
#: Targets: time of our import by aiortc's; resident memory of the room server in MB (ours).
MOST_TIME, MOST_MEMORY = 1.1, 45

_OURS: Final = "from peer import PeerConnection"
_THEIRS: Final = "from aiortc import RTCPeerConnection"
#: Prints the processor time of an import in milliseconds, without the interpreter's own start.
_TIMED: Final = """
import os, time
start = time.process_time()
{statement}
print(1000 * (time.process_time() - start), flush=True)
os._exit(0)
"""
_RESIDENT: Final = """
import signaling.server
from pathlib import Path
print(int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024)
"""


async def _told(program: str) -> float:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program), stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    return float(told)


class Import:
    """An import by a process of its own.

    Args:
        name: The name of what is imported.
        statement: The import.
    """

    def __init__(self, name: str, statement: str) -> None:
        self.name = name
        self._program = _TIMED.format(statement=statement)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def measure(self) -> float:
        """Import once, and return milliseconds of processor time."""
        return await _told(self._program)


async def run(rounds: int, console: Console) -> bool:
    """Measure and report, and return whether the targets are met."""
    for package in (peer, signaling):
        compileall.compile_dir(os.path.dirname(package.__file__ or ""), quiet=1)
    subjects = Import("handfast", _OURS), Import("aiortc", _THEIRS)
    report = await compare(
        "import of a connection, processor time", subjects, warm_up=WARM_UP, rounds=rounds
    )
    report.publish("imports", console)
    memory = [await _told(_RESIDENT) for _ in range(3)]
    targets = (
        Target("import, ours / aiortc's", report.ratios_to("aiortc"), MOST_TIME),
        Target("memory of signaling.server, MB", memory, MOST_MEMORY),
    )
    return judge("imports", targets, console)


if __name__ == "__main__":
    sys.exit(run_rounds(run, sys.argv[1:], rounds=ROUNDS, most=MOST_ROUNDS))
