"""Captured pictures of VP9 with spatial layers.

Chromium 156 sent a canvas of 640 by 360 pixels with `scalabilityMode` L3T1 and L2T3_KEY, of which
it made two layers; the upper one comes after some pictures, in one stream with a key frame.
"""

from __future__ import annotations

from pathlib import Path

#: Files of captured pictures.
LAYERED = [Path(__file__).parent / name for name in ("vp9-l3t1.ivf", "vp9-l2t3-key.ivf")]
#: Size of the upper layer.
UPPER = (640, 360)
#: Octets of the headers of an IVF file and of its frames.
_FILE, _FRAME = 32, 12


def ivf_frames(path: Path) -> list[bytes]:
    """Read the frames of an IVF file."""
    data = path.read_bytes()
    frames = []
    at = _FILE
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        at += _FRAME
        frames.append(data[at : at + size])
        at += size
    return frames
