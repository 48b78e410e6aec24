"""Streams whose pictures come in another order than they are shown in."""

from __future__ import annotations

from peer.rtp.formats.h264_bitstream import nal_units, reorder_depth, sequence_parameters
from peer.rtp.malformed import MalformedError
from tests.support.media.encoded import Encoded, encode

#: Settings of x264, by what is reordered.
SETTINGS = {
    "one": "bframes=1:b-adapt=0",
    "two": "bframes=2:b-pyramid=0:b-adapt=0",
    "pyramid": "bframes=3:b-pyramid=normal:b-adapt=0",
}


def with_b_frames(settings: str, *, count: int = 40, keyint: int = 20) -> tuple[Encoded, ...]:
    """Access units of H.264 in the order of decoding."""
    return encode(
        "libx264",
        {
            "preset": "fast",
            "x264-params": f"threads=1:scenecut=0:repeat-headers=1:keyint={keyint}:{settings}",
        },
        count=count,
        second_key=None,
    )


def hevc_with_b_frames(*, count: int = 40) -> tuple[Encoded, ...]:
    settings = "log-level=none:repeat-headers=1:bframes=3:b-adapt=0:scenecut=0:keyint=20:open-gop=0"
    return encode(
        "libx265", {"preset": "ultrafast", "x265-params": settings}, count=count, second_key=None
    )


def without_restrictions(frame: bytes) -> bytes:
    """Take the VUI out of the parameter sets of an access unit: many cameras send none."""
    return b"".join(b"\0\0\0\1" + _without_vui(unit) for unit in nal_units(frame))


def _without_vui(unit: bytes) -> bytes:
    if unit[0] & 0x1F != 7:
        return unit
    raw = unit[1:].replace(b"\0\0\3", b"\0\0")
    bits = f"{int.from_bytes(raw, 'big'):0{len(raw) * 8}b}"
    for length in range(len(bits)):
        # The flag that there is no VUI, and the stop bit.
        text = bits[:length] + "01"
        text += "0" * (-len(text) % 8)
        made = unit[:1] + int(text, 2).to_bytes(len(text) // 8, "big")
        try:
            if sequence_parameters(made) == sequence_parameters(unit) and (
                reorder_depth(made) is None
            ):
                assert b"\0\0" not in made
                return made
        except MalformedError:
            continue
    raise AssertionError("no sequence parameter set")
