"""Benchmark of processor time for each recorded minute of a call.

Usage: `python -m benchmarks.record [SECONDS [ROUNDS]]`. Exits with 1 where ours takes more than a
tenth of the time of aiortc's `MediaRecorder`, or more than twice that of GStreamer.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import uvloop
from rich.console import Console

from benchmarks.harness import Report, compare
from benchmarks.record_load import Caller
from benchmarks.rtp_process import Process, SubjectError
from benchmarks.rtp_streams import PICTURES, Payloads, pictures, sounds
from benchmarks.targets import Target, judge
from tests.support.project.tools import SYSTEM_PYTHON, TOOLS

#: Targets: most of our processor time, as a share of aiortc's and of GStreamer's (ours).
AIORTC, GSTREAMER = 0.1, 2.0
_GSTREAMER = "GStreamer"
#: Seconds of a recording, and rounds, by default (ours).
SECONDS, ROUNDS = 10, 3
#: Least share of the sent frames in a file (ours): the first and the last may be missing.
_COMPLETE = 0.9
#: Least share for aiortc, which encodes and does not keep up on a busy machine (ours).
_SOMETHING = 0.3
#: Seconds before the first frame, in which a subject connects, and after the last one (ours).
_WARM_UP, _TAIL = 1.0, 0.5


class Subject:
    """A recorder in a process of its own, a new one for each round.

    Args:
        name: Name in the report.
        bound: Most of our time as a share of this subject's; None for ours.
        command: Command that starts the recorder, without the path of its file.
        suffix: Suffix of the file.
        clips: Video and audio to send.
        seconds: Duration of a recording.
    """

    def __init__(
        self,
        name: str,
        bound: float | None,
        command: Sequence[str],
        *,
        suffix: str,
        clips: tuple[Sequence[Payloads], Sequence[Payloads]],
        seconds: float,
    ) -> None:
        self.name = name
        self.bound = bound
        self._command = command
        self._suffix = suffix
        self._clips = clips
        self._seconds = seconds

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    async def measure(self) -> float:
        """Record once, and return milliseconds of processor time for each minute in the file.

        Raises:
            SubjectError: Too many of the sent frames are missing in the file.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"call.{self._suffix}"
            caller = Caller(*self._clips)
            try:
                async with Process(*self._command, str(path)) as process:
                    await process.join(caller.end, "source")
                    await asyncio.sleep(_WARM_UP)
                    _, before = await process.read()
                    await caller.play(self._seconds)
                    await asyncio.sleep(_TAIL)
                    after = float((await process.ask("stop"))["processor"])
            finally:
                await caller.end.close()
            return 1000 * (after - before) / self._minutes(path)

    def _minutes(self, path: Path) -> float:
        """Return the minutes in the file, by its video frames."""
        counts = {"video": 0, "audio": 0}
        with av.open(str(path)) as file:
            for packet in file.demux():
                counts[packet.stream.type] += packet.pts is not None
        least = self._seconds * PICTURES * (_SOMETHING if self.bound == AIORTC else _COMPLETE)
        if counts["video"] < least or not counts["audio"]:
            raise SubjectError(f"{self.name}: {counts} is all that the file has")
        return counts["video"] / PICTURES / 60


def subjects(seconds: float) -> list[Subject]:
    """Return the recorders to compare; the first is ours."""
    clips = pictures(), sounds()

    def python(name: str, *, loop: str) -> tuple[str, ...]:
        return sys.executable, "-m", "benchmarks.record_subject", name, loop

    found = [
        Subject(
            "handfast",
            None,
            python("handfast", loop="asyncio"),
            suffix="webm",
            clips=clips,
            seconds=seconds,
        ),
        Subject(
            "handfast, uvloop",
            None,
            python("handfast", loop="uvloop"),
            suffix="webm",
            clips=clips,
            seconds=seconds,
        ),
        # Its WebM takes more than real time with libvpx at its defaults: MP4 is faster.
        Subject(
            "aiortc",
            AIORTC,
            python("aiortc", loop="asyncio"),
            suffix="mp4",
            clips=clips,
            seconds=seconds,
        ),
    ]
    if TOOLS["webrtcbin"].path is not None:
        program = str(Path(__file__).with_name("record_webrtcbin.py"))
        command = (SYSTEM_PYTHON, program)
        found.append(
            Subject(_GSTREAMER, GSTREAMER, command, suffix="webm", clips=clips, seconds=seconds)
        )
    return found


def targets(report: Report, measured: Sequence[Subject]) -> list[Target]:
    """Return the targets: our processor time by that of each subject that has a bound."""
    found = [
        Target(f"a recorded minute, ours / {each.name}'s", report.ratios_to(each.name), each.bound)
        for each in measured
        if each.bound is not None
    ]
    if not any(each.name == _GSTREAMER for each in measured):
        found.append(Target(f"a recorded minute, ours / {_GSTREAMER}'s", (), GSTREAMER))
    return found


async def run(seconds: float, rounds: int, console: Console) -> bool:
    """Measure and report, and return whether the targets are met."""
    measured = subjects(seconds)
    heading = "processor time for each recorded minute of 720p30 and Opus"
    report = await compare(heading, measured, warm_up=0, rounds=rounds)
    report.publish("record", console)
    if TOOLS["webrtcbin"].path is None:
        console.print(f"[yellow]without GStreamer: {TOOLS['webrtcbin'].how_to_get}")
    return judge("record", targets(report, measured), console)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark from the command line."""
    try:
        given = [float(each) for each in arguments]
        seconds, rounds = given + [SECONDS, ROUNDS][len(given) :]
    except ValueError:
        print("usage: python -m benchmarks.record [SECONDS [ROUNDS]]", file=sys.stderr)
        return 2
    console = Console()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            reached = runner.run(run(seconds, max(1, int(rounds)), console))
    except (SubjectError, TimeoutError) as error:
        console.print(f"[red]{str(error) or 'a subject does not answer'}")
        return 1
    return int(not reached)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
