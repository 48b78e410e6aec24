"""Writer of frames as fragments of an MP4 file (ISO/IEC 14496-12)."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from media.recording.audio_packets import silent_opus

if TYPE_CHECKING:
    from media.recording.destination import Sink
    from media.recording.pending import Frame

#: Flag default-base-is-moof: offsets count from the moof box (ISO/IEC 14496-12 section 8.8.7).
_BASE_IS_MOOF = 0x020000
#: Flags of a run with data offset, and duration, size and flags of each sample (section 8.8.8).
_RUN_FLAGS = 0x000701
# Sample flags (section 8.8.3.1): depends on no other sample; depends on others, no sync sample.
_KEYFRAME, _OTHER = 0x02000000, 0x01010000
_ZERO = Fraction(0)
#: Bytes of the smallest free box (section 8.1.2).
_LEAST_FREE = 8


class FragmentWriter:
    """Writes an MP4 file in fragments that hold frames of all streams.

    Args:
        sink: The file.
        header: The ftyp and moov boxes; tracks are numbered from 1.
        timescales: Ticks a second of each track.
        from_zero: True to begin each track with the file, whenever its first frame comes: some
            readers take the end of a track for its duration, and add its begin.
        room: Bytes that are kept free for tracks that come later.
    """

    def __init__(
        self,
        sink: Sink,
        header: bytes,
        timescales: Sequence[int],
        *,
        from_zero: bool = False,
        room: int = 0,
    ) -> None:
        self._sink = sink
        self._timescales = timescales
        self._delays: dict[int, Fraction] = {}
        self._number = 0
        self._late = set(range(len(timescales))) if from_zero else set()
        sink.write(header)
        if room:
            sink.write(_free(max(room, _LEAST_FREE)))
        self._header_end = sink.tell()

    def describe(
        self, header: bytes, timescales: Sequence[int], delays: Mapping[int, Fraction]
    ) -> bool:
        """Write a header with one track more; return False where there is no room for it.

        Args:
            header: The ftyp and moov boxes.
            timescales: Ticks a second of each track.
            delays: Seconds before the begin of a track that its edit list has, by its index.
        """
        left = self._header_end - len(header)
        if left < _LEAST_FREE:
            return False
        self._sink.seek(0)
        self._sink.write(header + _free(left))
        self._sink.seek(0, os.SEEK_END)
        self._timescales = timescales
        self._delays = dict(delays)
        return True

    def write(self, frames: list[Frame]) -> None:
        """Write a fragment of frames."""
        self._number += 1
        streams: dict[int, list[Frame]] = {}
        for frame in sorted(frames):
            streams.setdefault(frame.stream, []).append(frame)
        for stream in self._late & streams.keys():
            self._late.remove(stream)
            streams[stream] = _from_zero(streams[stream])
        # The size of the moof box does not depend on the offsets in it.
        size = len(self._moof(streams, 0))
        self._sink.write(self._moof(streams, size + 8))
        data = [frame.payload for run in streams.values() for frame in run]
        self._sink.write(_box(b"mdat", *data))

    def finish(self) -> None:
        """Do nothing, as no box follows the last fragment."""

    def _moof(self, streams: dict[int, list[Frame]], offset: int) -> bytes:
        parts = [_full_box(b"mfhd", data=struct.pack(">I", self._number))]
        for stream, run in streams.items():
            parts.append(self._traf(run, stream=stream, offset=offset))
            offset += sum(len(frame.payload) for frame in run)
        return _box(b"moof", *parts)

    def _traf(self, run: list[Frame], *, stream: int, offset: int) -> bytes:
        timescale = self._timescales[stream]
        delay = self._delays.get(stream, _ZERO)
        starts = [round((frame.pts - delay) * timescale) for frame in run]
        # The last sample lasts for its own duration: the next fragment has a time of its own.
        ends = [*starts[1:], starts[-1] + round(run[-1].duration * timescale)]
        samples = b"".join(
            struct.pack(
                ">III", end - start, len(frame.payload), _KEYFRAME if frame.keyframe else _OTHER
            )
            for start, end, frame in zip(starts, ends, run, strict=True)
        )
        return _box(
            b"traf",
            _full_box(b"tfhd", flags=_BASE_IS_MOOF, data=struct.pack(">I", stream + 1)),
            _full_box(b"tfdt", version=1, data=struct.pack(">Q", starts[0])),
            _full_box(
                b"trun", flags=_RUN_FLAGS, data=struct.pack(">II", len(run), offset) + samples
            ),
        )


def _from_zero(run: list[Frame]) -> list[Frame]:
    """Begin a track at zero: with its first picture, or with silence before its first audio."""
    first = run[0]
    if first.pts == 0:
        return run
    if first.picture:
        return [replace(first, pts=_ZERO, duration=first.pts + first.duration), *run[1:]]
    # The only sound in such files is Opus.
    silence = replace(first, pts=_ZERO, duration=first.pts, payload=silent_opus(first.payload))
    return [silence, *run]


def _free(octets: int) -> bytes:
    return _box(b"free", bytes(octets - _LEAST_FREE))


def _box(kind: bytes, *data: bytes) -> bytes:
    return b"".join(((8 + sum(map(len, data))).to_bytes(4, "big"), kind, *data))


def _full_box(kind: bytes, *, data: bytes, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, (version << 24 | flags).to_bytes(4, "big"), data)
