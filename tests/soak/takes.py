"""Owns the recordings of a soak: one of each participant at any time; and what is to be in them."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import av

from media.recording.recorder import Recorder
from tests.soak.clip import PICTURES, SOUNDS
from tests.support.clock.deadline import DEADLINE
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from media.recording.events import RecordingFailure
    from tests.soak.room import Room

RATES = {"video": PICTURES, "audio": SOUNDS}
SUFFIXES = ("webm", "mkv")
#: Seconds at the start of a take that may be missing: a key frame comes each second, and where one
#: is lost, the next one is waited for.
LEAD = 3.0
#: Seconds without media, each time somebody came again: connecting, and a key frame.
RETURN = 3.0
#: Of the frames that were sent meanwhile, so many are there, over links that lose.
COMPLETE = 0.85
#: Seconds, of FFmpeg for one file.


@dataclass(slots=True)
class Take:
    """A recording of one participant by another.

    Args:
        of: Whom it shows.
        host: Who records.
        recorder: That does.
        path: Of the file.
        began: Seconds of the loop.
        failures: What it said of errors.
    """

    of: str
    host: str
    recorder: Recorder
    path: Path
    began: float
    failures: list[str] = field(default_factory=list)
    lasted: float = 0.0
    absent: float = 0.0
    returns: int = 0
    left: float | None = None

    def fail(self, failure: RecordingFailure) -> None:
        """As told by the recorder."""
        self.failures.append(f"{self.path.name}: {failure.error!r}")


@dataclass(frozen=True, slots=True)
class Taken:
    """What is left of a take when it is over; its files are to be checked.

    Args:
        name: Of the file that was asked for.
        paths: Of those that are.
        lasted: Seconds that it was recorded.
        absent: Seconds of which nobody was there to be recorded, or was coming again.
        duration: Of the files, in seconds, as the recorder says.
        failures: Errors, and everything else that was not to be.
        note: What may explain that something is missing.
    """

    name: str
    paths: tuple[Path, ...]
    lasted: float
    absent: float
    duration: float
    failures: tuple[str, ...]
    note: str


class Takes:
    """One recording of each participant, the host and the kind of file changing in turns.

    Args:
        room: Where they are.
        folder: For the files.
    """

    def __init__(self, room: Room, folder: Path) -> None:
        self.taken: list[Taken] = []
        self._room = room
        self._folder = folder
        self._running: dict[str, Take] = {}
        self._number = 0

    async def begin(self, of: str) -> None:
        """Record a participant anew; the take before it is over."""
        await self.end(of)
        if of not in self._room.present or not (others := self._room.audience(of)):
            return
        self._number += 1
        host = others[self._number % len(others)]
        suffix = SUFFIXES[self._number // 2 % len(SUFFIXES)]
        path = self._folder / f"{self._number:04}-{of}-at-{host}.{suffix}"
        take = Take(of, host, Recorder(path), path, asyncio.get_running_loop().time())
        take.recorder.on("error", take.fail)
        self._running[of] = take
        self._add_tracks(take)
        await take.recorder.start()

    async def end(self, of: str) -> None:
        """The take of a participant is over."""
        take = self._running.pop(of, None)
        if take is None:
            return
        now = asyncio.get_running_loop().time()
        if take.left is not None:
            take.absent += now - take.left
        await take.recorder.stop()
        stats = take.recorder.stats
        if stats.dropped or stats.transcoding:
            take.failures.append(f"{take.path.name}: {stats}")
        self.taken.append(
            Taken(
                take.path.name,
                tuple(segment.path for segment in stats.files),
                now - take.began,
                take.absent + RETURN * take.returns,
                stats.duration,
                tuple(take.failures),
                f"{stats.gaps} gaps, {stats.overlapped} overlapped, "
                + await self._room.account(take.host, take.of),
            )
        )

    async def leaving(self, name: str) -> None:
        """Somebody is going to leave: what they record ends, who records them waits."""
        hosted = [take.of for take in self._running.values() if take.host == name]
        await asyncio.gather(*map(self.end, hosted))
        if name in self._running:
            self._running[name].left = asyncio.get_running_loop().time()

    def joined(self, name: str) -> None:
        """Somebody is there again: whoever recorded them goes on, in the same file."""
        take = self._running.get(name)
        if take is not None and take.left is not None:
            take.absent += asyncio.get_running_loop().time() - take.left
            take.left = None
            take.returns += 1
            self._add_tracks(take)

    async def refresh(self) -> None:
        """Record everybody who is there and not recorded."""
        for of in self._room.present:
            if of not in self._running:
                await self.begin(of)

    async def close(self) -> None:
        """All are over."""
        await asyncio.gather(*map(self.end, tuple(self._running)))

    def _add_tracks(self, take: Take) -> None:
        for receiver in self._room.receivers(take.host, take.of):
            take.recorder.addTrack(receiver, sender=take.of)


def faults(taken: Taken) -> list[str]:
    """What is wrong with a take and its files, which are decoded from beginning to end."""
    said = list(taken.failures)
    counts = {"video": 0, "audio": 0}
    for path in taken.paths:
        if complaint := _complaints(path):
            said.append(f"{path.name}: {complaint}")
        for kind, times in _times(path).items():
            counts[kind] += len(times)
            if times != sorted(times):
                said.append(f"{path.name}: {kind} goes back")
    if taken.duration > taken.lasted + 1:
        said.append(f"{taken.name}: {taken.duration:.1f} s are in {taken.lasted:.1f} s")
    there = taken.lasted - taken.absent - LEAD
    for kind, rate in RATES.items():
        expected = COMPLETE * rate * there
        if counts[kind] < expected:
            said.append(
                f"{taken.name}: {counts[kind]} frames of {kind} in {taken.lasted:.1f} s, "
                f"{expected:.0f} were to be expected ({taken.note})"
            )
    return said


def _complaints(path: Path) -> str:
    """What FFmpeg says while it decodes the whole file."""
    command = [tool_path("ffmpeg"), "-v", "warning", "-xerror", "-i", str(path), "-map", "0"]
    # In the times of the file: pictures that were moved to their place do not keep the rate that
    # FFmpeg guesses, and it would complain of those that it presses into one place.
    command += ["-enc_time_base", "-1", "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=DEADLINE, text=True)
    return done.stderr.strip() or ("" if done.returncode == 0 else f"exit {done.returncode}")


def _times(path: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    with av.open(str(path)) as file:
        for packet in file.demux():
            if packet.pts is not None and packet.time_base is not None:
                times = found.setdefault(packet.stream.type, [])
                times.append(float(packet.pts * packet.time_base))
    return found
