"""Writer of frames as fragments of an MP4 file (ISO/IEC 14496-12)."""

from __future__ import annotations

import dataclasses
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from media.recording.boxes import box_of, full_box_of
from media.recording.movie_duration import MovieDuration
from peer.values import dataclass

if TYPE_CHECKING:
    from media.recording.destination import Sink
    from media.recording.pending import Frame

#: Flag default-base-is-moof: offsets count from the moof box (ISO/IEC 14496-12 section 8.8.7).
_BASE_IS_MOOF = 0x020000
#: Flags of a run with data offset, and duration, size, flags and composition time offset of each
#: sample (section 8.8.8).
_RUN_FLAGS = 0x000F01
#: Version of a run whose composition time offsets have signs.
_RUN_VERSION = 1
_SAMPLE = struct.Struct(">IIIi")
# Sample flags (section 8.8.3.1): depends on no other sample; depends on others, no sync sample.
_KEYFRAME, _OTHER = 0x02000000, 0x01010000
#: Longest duration of a sample, in ticks of 32 bits.
_MOST_TICKS = 0xFFFFFFFF
_ZERO = Fraction(0)
#: Bytes of the smallest free box (section 8.1.2).
_LEAST_FREE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """Fragment of a file: what a playlist says of it.

    Args:
        place: Position of the first byte.
        size: Number of bytes.
        end: Seconds at which the file ends with it.
        has_pictures: True if it holds video, or the file has none.
        is_entry: True if players may begin here: all video in it begins with a key frame.
    """

    place: int
    size: int
    end: Fraction
    has_pictures: bool
    is_entry: bool


@dataclasses.dataclass(slots=True)
class _Sample:
    """Last sample of a stream: its times in ticks, and the place of its duration in the file."""

    start: int
    end: int
    place: int


class FragmentWriter:
    """Writes an MP4 file in fragments that hold frames of all streams.

    Every sample lasts until the next one of its stream: the last one of a fragment is corrected
    when that comes. Until then a picture lasts as long as the file, so that players which want all
    streams at all times do not wait. Each track begins with the file, whenever its first frame
    comes: players wait for it, or take the end of a track for its duration and add its begin.

    Args:
        sink: The file.
        header: The ftyp and moov boxes; tracks are numbered from 1.
        timescales: Ticks a second of each track.
        pictures: Indices, from 0, of the video tracks.
        tells_duration: True to write the duration of the file into its header at the end.
        room: Bytes that are kept free for tracks that come later.

    Attributes:
        fragment: The latest; None before the first.
    """

    def __init__(
        self,
        sink: Sink,
        header: bytes,
        timescales: Sequence[int],
        *,
        pictures: frozenset[int],
        tells_duration: bool = False,
        room: int = 0,
    ) -> None:
        self.fragment: Fragment | None = None
        self._sink = sink
        self._timescales = timescales
        self._pictures = pictures
        self._delays: dict[int, Fraction] = {}
        self._duration: MovieDuration | None = None
        self._tells_duration = tells_duration
        self._number = 0
        self._last: dict[int, _Sample] = {}
        # When the last picture has been shown: with B-frames that is after its time of decoding.
        self._shown = _ZERO
        sink.write(self._with_duration(header))
        if room:
            sink.write(_free(max(room, _LEAST_FREE)))
        self._header_end = sink.tell()

    @property
    def header_end(self) -> int:
        """The bytes before the first fragment."""
        return self._header_end

    def describe(
        self,
        header: bytes,
        timescales: Sequence[int],
        pictures: frozenset[int],
        delays: Mapping[int, Fraction],
    ) -> bool:
        """Write another header, as with one track more; return False where there is no room.

        Args:
            header: The ftyp and moov boxes.
            timescales: Ticks a second of each track.
            pictures: Indices, from 0, of the video tracks.
            delays: Seconds before the begin of a track that its edit list has, by its index.
        """
        before = self._duration
        header = self._with_duration(header)
        left = self._header_end - len(header)
        if left and left < _LEAST_FREE:
            self._duration = before
            return False
        self._sink.seek(0)
        self._sink.write(header + (_free(left) if left else b""))
        self._sink.seek(0, os.SEEK_END)
        self._timescales = timescales
        self._pictures = pictures
        self._delays = dict(delays)
        return True

    @property
    def end(self) -> Fraction:
        """The end of the file so far, in seconds."""
        return max(
            (
                Fraction(last.end, self._timescales[stream]) + self._delays.get(stream, _ZERO)
                for stream, last in self._last.items()
            ),
            default=_ZERO,
        )

    def write(self, frames: list[Frame]) -> None:
        """Write a fragment of frames."""
        self._number += 1
        streams: dict[int, list[Frame]] = {}
        for frame in sorted(frames):
            streams.setdefault(frame.stream, []).append(frame)
        late = [
            stream
            for stream in streams.keys() & self._pictures
            if stream not in self._last.keys() | self._delays and streams[stream][0].pts > 0
        ]
        for stream in late:
            # A picture is shown from the beginning on; sound has silence there already.
            first, *others = streams[stream]
            first = replace(first, pts=_ZERO, duration=first.pts + first.duration)
            streams[stream] = [first, *others]
        for stream, run in streams.items():
            self._lasts_until(run[0].pts, stream=stream)
        end = max(self.end, *(run[-1].pts + run[-1].duration for run in streams.values()))
        shown = (frame.pts + frame.offset + frame.duration for frame in frames)
        self._shown = max(self._shown, *shown)
        place = self._sink.tell()
        # The size of the moof box does not depend on the offsets in it.
        size = len(self._moof(streams, 0, end))
        self._note(streams, place, end)
        self._sink.write(self._moof(streams, size + 8, end))
        self._sink.write(box_of(b"mdat", *(f.payload for run in streams.values() for f in run)))
        for stream in self._pictures & self._last.keys() - streams.keys():
            self._lasts_until(end, stream=stream, at_least=True)
        pictures = streams.keys() & self._pictures
        self.fragment = Fragment(
            place=place,
            size=self._sink.tell() - place,
            end=end,
            has_pictures=bool(pictures) or not self._pictures,
            is_entry=(bool(pictures) or not self._pictures)
            and not late
            and all(streams[stream][0].keyframe for stream in pictures),
        )

    def finish(self) -> None:
        """Write the duration of the file into its header."""
        if self._duration is not None and self._last:
            self._correct(*self._duration.known(max(self.end, self._shown)))

    def _ticks(self, stream: int, seconds: Fraction) -> int:
        delay = self._delays.get(stream, _ZERO)
        return round((seconds - delay) * self._timescales[stream])

    def _with_duration(self, header: bytes) -> bytes:
        """Return a header with room for the duration, where that is to be told."""
        if not self._tells_duration:
            return header
        self._duration = MovieDuration(header)
        return self._duration.header

    def _lasts_until(self, seconds: Fraction, *, stream: int, at_least: bool = False) -> None:
        """Correct the duration of the last sample of a stream."""
        last = self._last.get(stream)
        end = self._ticks(stream, seconds)
        if last is None or last.end == end or (at_least and last.end > end):
            return
        last.end = end
        ticks = min(max(0, end - last.start), _MOST_TICKS)
        self._correct(last.place, ticks.to_bytes(4, "big"))

    def _correct(self, place: int, data: bytes) -> None:
        end = self._sink.tell()
        self._sink.seek(place)
        self._sink.write(data)
        self._sink.seek(end)

    def _times(self, stream: int, run: list[Frame], end: Fraction) -> list[int]:
        """Return the start of each sample and the end of the last one, in ticks."""
        starts = [self._ticks(stream, frame.pts) for frame in run]
        last = self._ticks(stream, run[-1].pts + run[-1].duration)
        if stream in self._pictures:
            last = max(last, self._ticks(stream, end))
        return [*starts, max(last, starts[-1])]

    def _note(self, streams: dict[int, list[Frame]], place: int, end: Fraction) -> None:
        """Note the last sample of each run of a fragment that begins at a place."""
        at = place + len(self._moof({}, 0, end))
        for stream, run in streams.items():
            at += len(self._traf(run, stream=stream, offset=0, end=end))
            *_, start, until = self._times(stream, run, end)
            self._last[stream] = _Sample(start, until, at - _SAMPLE.size)

    def _moof(self, streams: dict[int, list[Frame]], offset: int, end: Fraction) -> bytes:
        parts = [full_box_of(b"mfhd", data=struct.pack(">I", self._number))]
        for stream, run in streams.items():
            parts.append(self._traf(run, stream=stream, offset=offset, end=end))
            offset += sum(len(frame.payload) for frame in run)
        return box_of(b"moof", *parts)

    def _traf(self, run: list[Frame], *, stream: int, offset: int, end: Fraction) -> bytes:
        times = self._times(stream, run, end)
        samples = b"".join(
            _SAMPLE.pack(
                min(until - start, _MOST_TICKS),
                len(frame.payload),
                _KEYFRAME if frame.keyframe else _OTHER,
                self._ticks(stream, frame.pts + frame.offset) - start if frame.offset else 0,
            )
            for (start, until), frame in zip(pairwise(times), run, strict=True)
        )
        return box_of(
            b"traf",
            full_box_of(b"tfhd", flags=_BASE_IS_MOOF, data=struct.pack(">I", stream + 1)),
            full_box_of(b"tfdt", version=1, data=struct.pack(">Q", times[0])),
            # Last, as the duration of its last sample is corrected by its place.
            full_box_of(
                b"trun",
                version=_RUN_VERSION,
                flags=_RUN_FLAGS,
                data=struct.pack(">II", len(run), offset) + samples,
            ),
        )


def _free(octets: int) -> bytes:
    return box_of(b"free", bytes(octets - _LEAST_FREE))
