"""Senders of H.264 and H.265 as cameras and ingest servers are: with markers and times at will."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from peer.rtp.formats import format_of
from peer.rtp.formats.h264_bitstream import nal_units
from peer.rtp_parameters import Codec, Feedback, MediaKind
from tests.support.media.encoded import Encoded, encode

#: Ticks from one picture to the next, of 30 a second.
TICKS = 3000
_FEEDBACK = (Feedback("nack", "pli"),)
H264 = Codec(
    kind=MediaKind.VIDEO,
    name="H264",
    payload_type=102,
    clock_rate=90_000,
    parameters=(("packetization-mode", "1"),),
    feedback=_FEEDBACK,
)
H265 = Codec(
    kind=MediaKind.VIDEO, name="H265", payload_type=103, clock_rate=90_000, feedback=_FEEDBACK
)
CODECS = {"H264": H264, "H265": H265}


@dataclass(frozen=True, slots=True)
class Sent:
    """What a sender puts into a packet: payload, RTP timestamp and marker."""

    payload: bytes
    timestamp: int
    marker: bool


@dataclass(frozen=True, slots=True)
class NalUnit:
    """A NAL unit of a picture: what is in it, and where it stands.

    Args:
        data: The NAL unit.
        number: That of the picture, from 0.
        slice_number: That of the slice within the picture; None for what is no slice.
        is_last: True for the last one of the picture.
    """

    data: bytes
    number: int
    slice_number: int | None
    is_last: bool

    @property
    def time(self) -> int:
        return TICKS * self.number


@cache
def access_units(name: str, *, slices: int = 1, count: int = 8) -> tuple[Encoded, ...]:
    """Access units with delimiters and SEI, and parameter sets before each key frame."""
    if name == "H264":
        settings = f"slices={slices}:aud=1:repeat-headers=1:threads=1"
        options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": settings}
        return encode("libx264", options, count=count)
    settings = f"log-level=none:repeat-headers=1:aud=1:slices={slices}"
    options = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}
    # x265 has slices of 64 rows at least.
    return encode(
        "libx265", options | {"x265-params": settings}, count=count, width=176, height=64 * slices
    )


def is_slice(name: str, unit: bytes) -> bool:
    return unit[0] & 0x1F in (1, 5) if name == "H264" else unit[0] >> 1 & 0x3F < 32


def slices_of(name: str, frame: bytes) -> list[bytes]:
    return [unit for unit in nal_units(frame) if is_slice(name, unit)]


def units_of(name: str, pictures: tuple[Encoded, ...]) -> Iterator[NalUnit]:
    for number, picture in enumerate(pictures):
        found = nal_units(picture.data)
        slice_number = 0
        for index, unit in enumerate(found):
            place = None
            if is_slice(name, unit):
                place, slice_number = slice_number, slice_number + 1
            yield NalUnit(unit, number, place, index == len(found) - 1)


def send(
    name: str,
    units: Iterator[NalUnit],
    *,
    time: Callable[[NalUnit], int] = lambda unit: unit.time,
    marker: Callable[[NalUnit], bool] = lambda unit: unit.is_last,
    limit: int = 1200,
) -> Iterator[Sent]:
    """Send each NAL unit by itself, in one packet or in fragments."""
    payload_format = format_of(CODECS[name])
    for unit in units:
        if len(unit.data) <= limit:
            payloads = [unit.data]
        else:
            payloads = payload_format.packetize(
                b"\0\0\0\1" + unit.data, keyframe=False, limit=limit
            )
        for index, payload in enumerate(payloads):
            last = index == len(payloads) - 1
            yield Sent(payload, time(unit) % 2**32, last and marker(unit))


def _is_set(unit: NalUnit) -> bool:
    return unit.slice_number is None


#: The senders by name: each gives the timestamp and the marker of a NAL unit.
SENDERS: dict[str, dict[str, object]] = {
    "ordinary": {},
    "each NAL unit with a marker": {"marker": lambda unit: True},
    "parameter sets, SEI and delimiters with a marker each": {
        "marker": lambda unit: unit.is_last or _is_set(unit)
    },
    "parameter sets, SEI and delimiters with the time of the picture before": {
        "time": lambda unit: unit.time - TICKS * _is_set(unit)
    },
    "parameter sets, SEI and delimiters with a time of their own": {
        "time": lambda unit: unit.time - 7 * _is_set(unit),
        "marker": lambda unit: unit.is_last or _is_set(unit),
    },
    "each slice with a marker": {"marker": lambda unit: not _is_set(unit)},
    "each slice with a time of its own": {
        "time": lambda unit: unit.time + (unit.slice_number or 0)
    },
    "each slice with a marker and a time of its own": {
        "time": lambda unit: unit.time + (unit.slice_number or 0),
        "marker": lambda unit: True,
    },
    "no markers": {"marker": lambda unit: False},
    "neither markers nor times": {"time": lambda unit: 0, "marker": lambda unit: False},
    "packets of any size": {"limit": 100_000},
    "small packets": {"limit": 100, "marker": lambda unit: True},
}


def packets(name: str, sender: str, pictures: tuple[Encoded, ...]) -> list[Sent]:
    """The packets of a sender of `SENDERS`."""
    return list(send(name, units_of(name, pictures), **SENDERS[sender]))  # type: ignore[arg-type]  # by name
