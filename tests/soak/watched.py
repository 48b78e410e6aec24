"""Owns the soak of a watcher: a room recorded to HLS for long, played by hls.js as it grows.

`python -m tests.soak.watched [MINUTES]`; thirty by default. One of three people in the room
records another over a link that loses. Nothing may stall, the watcher comes to the end, and our
memory does not grow.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console

from media import Recorder
from tests.soak.clip import make_clip
from tests.soak.gauges import GROWTH, Memory, growth, warm
from tests.soak.room import Room
from tests.support.browser.browsers import BrowserName
from tests.support.players.player import open_player
from tests.support.project.source import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from media.recording.events import RecordingFailure
    from tests.support.players.player import Watched

MINUTES = 30.0
#: Where the recording is afterwards.
FOLDER = ROOT / "artifacts" / "watched"
NAMES = ("ada", "bob", "cyd")
#: Seconds: between two looks; for the watcher to come to the end, and to be behind at most.
LOOK, TIMEOUT, BEHIND = 5.0, 120.0, 30.0
#: Seconds of a recording with which a watcher can begin (ours).
ENOUGH = 15.0


@dataclass
class Account:
    """What happened."""

    looks: list[Watched] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    failures: list[RecordingFailure] = field(default_factory=list)
    recorded: float = 0.0


async def soak(minutes: float, folder: Path) -> Account:
    """Run it."""
    account = Account()
    clip = folder / "clip.webm"
    make_clip(clip)
    room = Room(clip, NAMES)
    for name in NAMES:
        await room.join(name)
    recorder = Recorder(folder / "room.m3u8")
    recorder.on("error", account.failures.append)
    for receiver in room.receivers(NAMES[1], NAMES[0]):
        recorder.addTrack(receiver)
    begun = asyncio.Event()
    recorder.on("progress", lambda progress: begun.set() if progress.duration >= ENOUGH else None)
    await recorder.start()
    growing = True
    async with open_player(BrowserName.CHROMIUM, folder, is_growing=lambda: growing) as player:
        await begun.wait()
        await player.watch("room.m3u8")
        begin = time.monotonic()
        while time.monotonic() - begin < 60 * minutes:
            await asyncio.sleep(LOOK)
            account.looks.append(await player.watched())
            account.memory.append(Memory.now(time.monotonic() - begin))
        await recorder.stop()
        growing = False
        account.recorded = recorder.stats.duration
        until = time.monotonic() + TIMEOUT
        while not account.looks[-1].ended and time.monotonic() < until:
            await asyncio.sleep(1)
            account.looks.append(await player.watched())
    for name in NAMES:
        await room.leave(name)
    return account


def verdict(account: Account, console: Console) -> bool:
    """Print what was found; returns whether all is well."""
    last = account.looks[-1]
    found = [f"{each.error}" for each in account.failures]
    if last.stalls:
        found.append(f"stalls at {', '.join(f'{each:.1f}' for each in last.stalls)}")
    # hls.js says so as well of the moment before it has begun.
    found += [each for each in last.complaints if not each.startswith("bufferStalledError at 0 ")]
    if not last.ended:
        found.append(f"it stands at {last.at:.1f} s of {account.recorded:.1f} s")
    behind = max(each.latency for each in account.looks if not each.ended)
    if behind > BEHIND:
        found.append(f"it was {behind:.1f} s behind")
    memory = warm(account.memory)
    growing = growth(memory, lambda each: each.resident)
    if growing > GROWTH:
        found.append(f"resident memory grew by {growing:.1%}")
    console.print(
        f"{account.recorded:.0f} s recorded, {last.pictures} pictures shown, "
        f"{behind:.1f} s behind at most; resident memory: {growing:+.1%}, "
        f"{memory[-1].resident / 1e6:.0f} MB at last"
    )
    for sentence in found:
        console.print(f"[red]{sentence}", highlight=False)
    return not found


def main(arguments: Sequence[str]) -> int:
    """Run from the command line."""
    minutes = float(arguments[0]) if arguments else MINUTES
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    account = asyncio.run(soak(minutes, FOLDER))
    return int(not verdict(account, Console()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
