"""Owns a process that records until it is killed, and says on the way how far it is.

Usage: `python -m tests.support.media.recording_writer FILE CONTAINER STREAM...`, where a stream
is the name of a codec.
Each line that it writes is the time in seconds up to which everything has been handed to the muxer.
"""

from __future__ import annotations

import os
import sys
from heapq import merge
from pathlib import Path

from media.recording.containers import Container
from media.recording.muxer import Muxer
from tests.support.media.recording import VIDEO, audio, spec_of, video


def main(path: str, container: str, *names: str) -> None:
    """Write media as fast as it can be."""
    streams = [
        video(name, index) if name in VIDEO else audio(index) for index, name in enumerate(names)
    ]
    muxer = Muxer(Path(path), Container(container), [spec_of(name) for name in names])
    for shot in merge(*streams, key=lambda shot: shot.pts):
        shot.write(muxer)
        os.write(1, f"{float(shot.pts)}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
