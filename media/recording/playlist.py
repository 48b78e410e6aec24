"""HLS playlist of the fragments of an MP4 file (RFC 8216)."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from media.recording.destination import Sink

#: Longest duration of a segment in seconds, rounded (RFC 8216 section 4.3.3.1); a player waits as
#: long before it reloads. Fragments are half a second, or as long as one frame (ours).
TARGET_SECONDS = 2
_END = b"#EXT-X-ENDLIST\n"


class Box(NamedTuple):
    """Box of an MP4 file: type, start and contents (ISO/IEC 14496-12 section 4.2)."""

    kind: bytes
    start: int
    data: bytes

    @property
    def end(self) -> int:
        """The start of the next box."""
        return self.start + 8 + len(self.data)


def boxes(data: bytes) -> Iterator[Box]:
    """Yield consecutive boxes, whose sizes have 32 bits as FFmpeg writes them for us."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8:
            return
        yield Box(data[at + 4 : at + 8], at, data[at + 8 : at + size])
        at += size


def inside(data: bytes, *path: bytes) -> Iterator[bytes]:
    """Yield the contents of all boxes at a path of types."""
    for box in boxes(data):
        if box.kind == path[0]:
            if len(path) == 1:
                yield box.data
            else:
                yield from inside(box.data, *path[1:])


class Playlist:
    """Appends a segment to an HLS playlist for each fragment (RFC 8216).

    Segments are byte ranges of one media file, so that a recording is two files. The playlist has
    an end tag after each fragment: players take one without for a broadcast, and begin near its
    end.

    Args:
        sink: The playlist file.
        media: The file of the fragments, in the same folder.
    """

    def __init__(self, sink: Sink, media: Path) -> None:
        self._sink = sink
        self._name = media.name
        self._offset = 0
        self._timescales: dict[int, int] = {}
        self._ended = Fraction(0)

    def extend(self, data: bytes) -> None:
        """Add the segments of bytes that were appended to the media file.

        Raises:
            RecordingError: The playlist cannot be written.
        """
        found = list(boxes(data))
        fragment: Box | None = None
        for box in found:
            match box.kind:
                case b"moov":
                    self._timescales = dict(_timescales(box.data))
                    self._begin(self._offset + box.end)
                case b"moof":
                    fragment = box
                case b"mdat" if fragment is not None:
                    self._add(fragment, box.end)
                    fragment = None
                case _:
                    pass
        self._offset += len(data)
        self._sink.commit()

    def _begin(self, size: int) -> None:
        # RFC 8216 section 7: a map in a playlist of whole frames wants version 6; fMP4 wants 7.
        self._write(
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            f"#EXT-X-TARGETDURATION:{TARGET_SECONDS}",
            "#EXT-X-MEDIA-SEQUENCE:0",
            "#EXT-X-PLAYLIST-TYPE:EVENT",
            f'#EXT-X-MAP:URI="{self._name}",BYTERANGE="{size}@0"',
        )

    def _add(self, fragment: Box, end: int) -> None:
        spans = [
            (Fraction(start, self._timescales[track]), Fraction(end, self._timescales[track]))
            for track, start, end in _spans(fragment.data)
        ]
        start, end_time = min(start for start, _ in spans), max(end for _, end in spans)
        # Streams of two fragments may overlap in time.
        seconds = max(Fraction(0), end_time - max(start, self._ended))
        self._ended = max(self._ended, end_time)
        # A video frame that is shown for long may exceed the longest segment.
        seconds = min(seconds, Fraction(TARGET_SECONDS))
        self._write(
            f"#EXTINF:{math.ceil(seconds * 1_000_000) / 1_000_000:.6f},",
            f"#EXT-X-BYTERANGE:{end - fragment.start}@{self._offset + fragment.start}",
            self._name,
        )

    def _write(self, *lines: str) -> None:
        if self._sink.tell():
            self._sink.seek(-len(_END), os.SEEK_END)
        self._sink.write("".join(f"{line}\n" for line in lines).encode() + _END)


def _timescales(moov: bytes) -> Iterator[tuple[int, int]]:
    """Yield the identifier and the timescale of each track."""
    for track in inside(moov, b"trak"):
        # Sections 8.3.2 and 8.4.2: after two times, of 32 bits, or of 64 in version 1.
        header = next(inside(track, b"tkhd"))
        media = next(inside(track, b"mdia", b"mdhd"))
        yield _after_times(header), _after_times(media)


def _after_times(data: bytes) -> int:
    at = 20 if data[0] else 12
    return int.from_bytes(data[at : at + 4], "big")


# Flags of a track fragment header, each with the bytes of its field (section 8.8.7).
_HEADER_FIELDS = ((0x01, 8), (0x02, 4))
_DEFAULT_DURATION = 0x08
# Section 8.8.8: flags of a run.
_RUN_FIELDS = ((0x001, 4), (0x004, 4))
_SAMPLE_DURATION = 0x100
_SAMPLE_FIELDS = (0x100, 0x200, 0x400, 0x800)


def _spans(moof: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the identifier of each track of a fragment, and its begin and end in ticks."""
    for track in inside(moof, b"traf"):
        header = next(inside(track, b"tfhd"))
        flags = int.from_bytes(header[1:4], "big")
        at = 8 + sum(octets for flag, octets in _HEADER_FIELDS if flags & flag)
        usual = int.from_bytes(header[at : at + 4], "big") if flags & _DEFAULT_DURATION else 0
        ticks = sum(_run(run, usual) for run in inside(track, b"trun"))
        # Section 8.8.12, of version 1.
        start = int.from_bytes(next(inside(track, b"tfdt"))[4:12], "big")
        yield int.from_bytes(header[4:8], "big"), start, start + ticks


def _run(data: bytes, usual: int) -> int:
    flags = int.from_bytes(data[1:4], "big")
    count = int.from_bytes(data[4:8], "big")
    if not flags & _SAMPLE_DURATION:
        return count * usual
    at = 8 + sum(octets for flag, octets in _RUN_FIELDS if flags & flag)
    step = 4 * sum(1 for flag in _SAMPLE_FIELDS if flags & flag)
    return sum(
        int.from_bytes(data[place : place + 4], "big")
        for place in range(at, at + count * step, step)
    )
