"""What is left of a recording when its process is killed at any moment.

`MOMENTS=50` kills that often in each container.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from media.recording.containers import Container, passes
from tests.support.media.moving import codec_named
from tests.support.media.recording import VIDEO, complaints, times
from tests.support.project.tools import ROOT

MOMENTS = int(os.environ.get("MOMENTS", "2"))
#: Seconds of media before which we kill.
LATEST = 20
#: What may be lost, in seconds of media.
LOST = 1


def streams_of(container: Container, moment: int) -> list[str]:
    """Sound, and each kind of picture that goes into the container in its turn."""
    pictures = [name for name in VIDEO if passes(container, codec_named(name))]
    return ["opus", *([pictures[moment % len(pictures)]] if pictures else [])]


WRITER = "tests.support.media.recording_writer"


def killed(path: Path, container: Container, streams: list[str], at: float) -> float:
    """Until when a recording was written that was killed when about that much was, in seconds."""
    command = [
        sys.executable,
        "-m",
        "tests.support.media.recording_writer",
        str(path),
        container.value,
    ]
    with subprocess.Popen([*command, *streams], stdout=subprocess.PIPE, cwd=ROOT) as writer:
        assert writer.stdout is not None
        said = b""
        for said in writer.stdout:
            if float(said) >= at:
                break
        writer.kill()
        # What it wrote between our reading and its death; the last line may be cut.
        rest = writer.stdout.read().splitlines(keepends=True)
        with suppress(IndexError):
            said = [line for line in rest if line.endswith(b"\n")][-1]
    assert writer.returncode == -9
    return float(said)


@pytest.mark.needs("ffmpeg")
@pytest.mark.timeout(300 + 10 * MOMENTS)
@pytest.mark.parametrize("container", list(Container))
def test_a_killed_recording_opens_and_lacks_no_more_than_its_last_second(
    tmp_path: Path, container: Container
) -> None:
    source = random.Random(f"{container.value} {MOMENTS}")
    # FFmpeg gives the first page of Ogg away with the second.
    earliest = 1.0 if container is Container.OGG else 0.1
    for moment in range(MOMENTS):
        path = tmp_path / f"{moment}{container.suffix}"
        streams = streams_of(container, moment)
        written = killed(path, container, streams, source.uniform(earliest, LATEST))
        found = times(path)
        assert len(found) == len(streams)
        for name, pts in zip(streams, found.values(), strict=True):
            last = max(pts, default=0)
            assert last >= written - LOST, f"{name}: {last} of {written} s"
            step = 1 / 30 if name in VIDEO else 1 / 50
            wanted = [index * step for index in range(len(pts))]
            assert pts == pytest.approx(wanted, abs=0.001), "something on the way is missing"
        assert complaints(path) == ""
