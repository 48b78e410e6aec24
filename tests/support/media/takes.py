"""Owns recordings of a call into several files at once, and what tests look at of each."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from media.recording.recorder import Recorder
from peer.rtp_parameters import MediaKind
from tests.support.clock.deadline import DEADLINE
from tests.support.media.flashes import offsets
from tests.support.project.tools import tool_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from media.recording.events import RecordingFailure
    from media.recording.recorder import RecorderStats
    from peer import RtpReceiver

#: How long each recording is.
SECONDS = float(os.environ.get("SECONDS", "6"))
#: Seconds by which flash and beep may be apart, and by which a duration may be off.
TOGETHER, EXACT = 0.04, 0.1
#: Suffixes of the containers that take a codec as it is, beside Opus.
CONTAINERS: Mapping[str, tuple[str, ...]] = {
    "VP8": ("webm", "mkv"),
    "VP9": ("webm", "mkv", "mp4", "m3u8"),
    "AV1": ("webm", "mkv", "mp4", "m3u8"),
    "H264": ("mkv", "mp4", "m3u8"),
}
#: Flashes by which the start and the end of a file are judged (ours).
_SOME = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One recording.

    Args:
        name: Its codec and container.
        paths: Its files.
        lasted: In seconds: what was captured of each track, for a second file, or of any, for the
            only one.
        stats: What the recorder counted.
        failures: What the recorder complained of.
    """

    name: str
    paths: tuple[Path, ...]
    lasted: float
    stats: RecorderStats
    failures: tuple[RecordingFailure, ...]

    def errors(self) -> list[str]:
        """What FFmpeg finds while it decodes each file; empty where all is well."""
        return [said for path in self.paths if (said := errors(path))]

    def duration(self) -> float:
        """Of the last file, as it says itself, in seconds."""
        return float(probe(self.paths[-1])["format"]["duration"])

    def codecs(self) -> list[str]:
        """In the last file."""
        return sorted(each["codec_name"] for each in probe(self.paths[-1])["streams"])

    def offsets(self) -> list[float]:
        """By how much each flash comes after its beep, in seconds, where there are both."""
        both = (path for path in self.paths if len(probe(path)["streams"]) == 2)
        return [each for path in both for each in offsets(path)]


def are_together(found: list[float]) -> bool:
    """Whether flash and beep are, by offsets, at the start and at the end of a file.

    A busy page is late with single flashes and beeps; a recorder that is wrong moves them all.
    """
    return all(
        # To the millisecond: WebM knows no less.
        round(min(map(abs, some)), 3) <= TOGETHER
        for some in (found[:_SOME], found[-_SOME:])
    )


def show(found: Mapping[str, list[float]]) -> None:
    """Print offsets in milliseconds, for `-rP`."""
    for name, each in found.items():
        print(f"{name:13}", *(f"{1000 * offset:+.0f}" for offset in each))


@dataclass(slots=True)
class Taking:
    """Recorders that run, and the names of the threads that were begun meanwhile."""

    recorders: dict[str, Recorder]
    failures: dict[str, list[RecordingFailure]]
    began: float
    takes: dict[str, Take]
    #: Other tests of this process may have left theirs: those that encode are few and stay.
    before: frozenset[threading.Thread]
    threads: set[str] = field(default_factory=set)

    async def last(self, seconds: float) -> None:
        """Go on until so much time has passed since the start."""
        while (left := self.began + seconds - time.monotonic()) > 0:
            begun = set(threading.enumerate()) - self.before
            self.threads.update(thread.name for thread in begun)
            await asyncio.sleep(min(left, 0.2))


@asynccontextmanager
async def taking(tracks: Mapping[Path, Sequence[RtpReceiver]]) -> AsyncIterator[Taking]:
    """Record tracks into files, all at once, from the beginning of the context to its end.

    Args:
        tracks: By the path of the file.
    """
    before = frozenset(threading.enumerate())
    recorders = {path.name: Recorder(path) for path in tracks}
    failures: dict[str, list[RecordingFailure]] = {name: [] for name in recorders}
    for (name, recorder), receivers in zip(recorders.items(), tracks.values(), strict=True):
        recorder.on("error", failures[name].append)
        for receiver in receivers:
            recorder.addTrack(receiver.track)
    every = {receiver: _Span() for receivers in tracks.values() for receiver in receivers}
    reading = [asyncio.create_task(span.read(receiver)) for receiver, span in every.items()]
    began = time.monotonic()
    for recorder in recorders.values():
        await recorder.start()
    made = Taking(recorders, failures, began, {}, before)
    yield made
    stopping = [asyncio.create_task(recorder.stop()) for recorder in recorders.values()]
    # In the turn of the loop in which the recorders stop: a busy machine takes long for a turn.
    for task in reading:
        asyncio.get_running_loop().call_soon(task.cancel)
    await asyncio.wait(reading)
    await asyncio.gather(*stopping)
    for (name, recorder), receivers in zip(recorders.items(), tracks.values(), strict=True):
        paths = tuple(segment.path for segment in recorder.stats.files)
        spans = [every[receiver] for receiver in receivers]
        which = min if len(paths) == 1 else max
        made.takes[name] = Take(
            name=name,
            paths=paths,
            lasted=max(span.end for span in spans) - which(span.start for span in spans),
            stats=recorder.stats,
            failures=tuple(failures[name]),
        )


class _Span:
    """What was captured of a track, in seconds of our clock: a busy loop hears of it late."""

    def __init__(self) -> None:
        self._first = self._last = 0.0
        self._delay = float("inf")
        self._step = 0.0

    @property
    def start(self) -> float:
        """Of the first frame."""
        return self._first + self._delay

    @property
    def end(self) -> float:
        """Of the last one."""
        return self._last + self._step + self._delay

    async def read(self, receiver: RtpReceiver) -> None:
        """Until it is cancelled."""
        self._step = 0.02 if receiver.kind is MediaKind.AUDIO else 1 / 30
        async for frame in receiver.encoded_frames():
            captured = frame.pts / frame.codec.clock_rate
            if self._delay == float("inf"):
                self._first = captured
            self._last = captured
            self._delay = min(self._delay, frame.arrival - captured)


def probe(path: Path) -> Any:
    """What ffprobe says of a file."""
    command = [
        *(str(Path(tool_path("ffmpeg")).with_name("ffprobe")), "-v", "error"),
        *("-show_format", "-show_streams", "-of", "json", str(path)),
    ]
    done = subprocess.run(command, capture_output=True, check=True, timeout=DEADLINE)
    assert done.stderr == b""
    return json.loads(done.stdout)


def errors(path: Path) -> str:
    """What FFmpeg finds while it decodes a whole file.

    Raises:
        subprocess.CalledProcessError: It gave up.
    """
    command = [tool_path("ffmpeg"), "-v", "error", "-xerror", "-i", str(path), "-map", "0"]
    done = subprocess.run(
        # Else it counts time in pictures at a steady rate, and complains that two are of one time.
        [*command, "-enc_time_base", "-1", "-f", "null", "-"],
        capture_output=True,
        check=True,
        timeout=DEADLINE,
        text=True,
    )
    return done.stderr
