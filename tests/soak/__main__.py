"""Owns the soak: a room in which everything happens for long; nothing grows, no file is bad.

`python -m tests.soak [MINUTES [SEED]]`; twelve minutes of five participants are an hour of media.
Files that are bad are kept in artifacts/soak/. It wants a core for itself, nearly, as all memory is
traced: where the machine is too busy, sources drop what they cannot play in time, and are blamed.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from rich.console import Console

from tests.soak.clip import make_clip
from tests.soak.gauges import GROWTH, Holdings, growth, warm
from tests.soak.room import Room
from tests.soak.script import Account, Script
from tests.soak.takes import Takes, faults
from tests.support.project.source import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.soak.takes import Taken

MINUTES = 12.0
NAMES = ("ada", "bob", "cyd", "dan", "eve")
FOLDER = ROOT / "artifacts" / "soak"
#: Seconds: of a rehearsal, in which pools and caches are filled; until all that was closed is gone.
REHEARSAL, TIMEOUT = 6.0, 10.0


async def settled(before: Holdings) -> list[str]:
    """What is left after some time that was not there before."""
    until = time.monotonic() + TIMEOUT
    while True:
        left = Holdings.now().beyond(before)
        if not left or time.monotonic() > until:
            return left
        await asyncio.sleep(0.2)


async def soak(minutes: float, seed: int, folder: Path) -> tuple[Account, list[Taken], list[str]]:
    """Run it; returns what happened, the recordings, and what is left."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4, "executor"))
    clip = folder / "clip.webm"
    make_clip(clip)
    (folder / "rehearsal").mkdir()
    room = Room(clip, NAMES[:3])
    await Script(room, Takes(room, folder / "rehearsal"), seed).run(REHEARSAL)
    await asyncio.sleep(1)
    before = Holdings.now()
    room = Room(clip, NAMES)
    takes = Takes(room, folder)
    script = Script(room, takes, seed)
    await script.run(60 * minutes)
    return script.account, takes.taken, await settled(before)


def verdict(account: Account, taken: Sequence[Taken], left: list[str], console: Console) -> bool:
    """Print what was found; returns whether all is well."""
    found = list(left)
    for each in taken:
        if said := faults(each):
            found += said
        else:
            for path in each.paths:
                path.unlink()
    memory = warm(account.memory)
    for what, growing in (
        ("resident", growth(memory, lambda each: each.resident)),
        ("traced", growth(memory, lambda each: each.traced)),
    ):
        last = getattr(memory[-1], what) / 1e6
        console.print(f"{what} memory: {growing:+.1%}, {last:.1f} MB at last")
        if growing > GROWTH:
            found.append(f"{what} memory grew by {growing:.1%}")
    hours = sum(each.duration for each in taken) / 3600
    console.print(
        f"{len(taken)} files, {hours:.2f} hours of media, {account.rekeys} rekeys, "
        f"{account.departures} departures, {account.troubles} times of trouble"
    )
    console.print(f"the loop was late by {1000 * account.lag:.0f} ms at most")
    for sentence in found:
        console.print(f"[red]{sentence}", highlight=False)
    return not found


def main(arguments: Sequence[str]) -> int:
    """Run from the command line."""
    minutes = float(arguments[0]) if arguments else MINUTES
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    console = Console()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    tracemalloc.start()
    begin = time.monotonic(), time.process_time()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        account, taken, left = runner.run(soak(minutes, seed, FOLDER))
    lasted, spent = time.monotonic() - begin[0], time.process_time() - begin[1]
    tracemalloc.stop()
    console.print(f"{lasted:.0f} s, {spent / lasted:.0%} of one core")
    return int(not verdict(account, taken, left, console))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
