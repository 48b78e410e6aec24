"""Writer of frames as clusters of a Matroska or WebM file (RFC 9559)."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from media.recording import ebml
from media.recording.ebml import element, number
from peer.values import dataclass

if TYPE_CHECKING:
    from media.recording.destination import Sink
    from media.recording.pending import Frame

#: Nanoseconds of a timestamp tick: one millisecond.
_MILLISECOND = 1_000_000
#: Keyframe flag of a SimpleBlock (RFC 9559 section 10.2).
_KEYFRAME = 0x80
#: Bytes reserved for a SeekHead of three entries (ours).
_SEEK_SIZE = 192
#: Bytes of the smallest Void that we write.
_LEAST_VOID = 1 + ebml.SIZE_OCTETS
#: Milliseconds between two cues of a file without video (ours).
_AUDIO_CUES = 5_000


@dataclass(frozen=True, slots=True)
class _Cue:
    time: int
    track: int
    position: int


class ClusterWriter:
    """Writes a Matroska file in complete clusters.

    Args:
        sink: The file.
        doc_type: "matroska" or "webm".
        tracks: Contents of the Tracks element, numbered from 1.
        pictures: Indices, from 0, of the video tracks.
        room: Bytes that are kept free for tracks that come later.
    """

    def __init__(
        self,
        sink: Sink,
        doc_type: str,
        tracks: bytes,
        pictures: frozenset[int],
        *,
        room: int = 0,
    ) -> None:
        self._sink = sink
        self._pictures = pictures
        self._cues: list[_Cue] = []
        self._end = 0
        head = element(
            ebml.EBML,
            number(ebml.EBML_VERSION, 1)
            + number(ebml.EBML_READ_VERSION, 1)
            + number(ebml.MAX_ID_LENGTH, 4)
            + number(ebml.MAX_SIZE_LENGTH, 8)
            + element(ebml.DOC_TYPE, doc_type.encode())
            + number(ebml.DOC_TYPE_VERSION, 4)
            + number(ebml.DOC_TYPE_READ_VERSION, 2),
        )
        sink.write(head + ebml.octets_of(ebml.SEGMENT))
        self._size_at = sink.tell()
        sink.write(ebml.UNKNOWN_SIZE)
        self._start = sink.tell()
        sink.write(_void(_SEEK_SIZE))
        self._info_at = sink.tell()
        sink.write(self._info())
        self._tracks_at = sink.tell()
        sink.write(element(ebml.TRACKS, tracks))
        if room:
            sink.write(_void(max(room, _LEAST_VOID)))
        self._tracks_end = sink.tell()

    def describe(self, tracks: bytes, pictures: frozenset[int]) -> bool:
        """Describe the tracks anew, as with one more; return False where there is no room."""
        sink = self._sink
        entries = element(ebml.TRACKS, tracks)
        left = self._tracks_end - self._tracks_at - len(entries)
        if left and left < _LEAST_VOID:
            return False
        sink.seek(self._tracks_at)
        sink.write(entries + (_void(left) if left else b""))
        sink.seek(0, os.SEEK_END)
        self._pictures = pictures
        return True

    def write(self, frames: list[Frame]) -> None:
        """Write a cluster of frames."""
        # In the order of decoding, with the times of showing.
        blocks = [(round((frame.pts + frame.offset) * 1000), frame) for frame in sorted(frames)]
        base = min(time for time, _ in blocks)
        position = self._sink.tell() - self._start
        parts = [number(ebml.TIMESTAMP, base)]
        for time, frame in blocks:
            self._cue(frame, time=time, position=position)
            flags = _KEYFRAME if frame.keyframe else 0
            # RFC 9559 section 10.2.
            header = struct.pack(">BhB", 0x80 | frame.stream + 1, time - base, flags)
            parts.append(element(ebml.SIMPLE_BLOCK, header + frame.payload))
            self._end = max(self._end, round((frame.pts + frame.offset + frame.duration) * 1000))
        self._sink.write(element(ebml.CLUSTER, b"".join(parts)))

    def finish(self) -> None:
        """Write the duration of the file, and the places of its key frames, where it can seek."""
        sink = self._sink
        if not sink.is_seekable:
            # A live stream (RFC 9559 section 23.2) has an unknown size, and no Cues.
            return
        places = [(ebml.INFO, self._info_at), (ebml.TRACKS, self._tracks_at)]
        if self._cues:
            places.append((ebml.CUES, sink.tell()))
            sink.write(element(ebml.CUES, b"".join(map(_cue_point, self._cues))))
        end = sink.tell()
        seeks = b"".join(
            element(
                ebml.SEEK,
                element(ebml.SEEK_ID, ebml.octets_of(identifier))
                + number(ebml.SEEK_POSITION, place - self._start),
            )
            for identifier, place in places
        )
        head = element(ebml.SEEK_HEAD, seeks)
        sink.seek(self._start)
        sink.write(head + _void(_SEEK_SIZE - len(head)))
        sink.seek(self._info_at)
        sink.write(self._info())
        sink.seek(self._size_at)
        sink.write(ebml.size_of(end - self._start))

    def _cue(self, frame: Frame, *, time: int, position: int) -> None:
        if self._pictures:
            wanted = frame.keyframe and frame.stream in self._pictures
        else:
            wanted = not self._cues or time >= self._cues[-1].time + _AUDIO_CUES
        if wanted:
            self._cues.append(_Cue(time, frame.stream + 1, position))

    def _info(self) -> bytes:
        # A file without an end has no duration yet, but the room for it.
        duration = element(ebml.DURATION, struct.pack(">d", self._end))
        return element(
            ebml.INFO,
            number(ebml.TIMESTAMP_SCALE, _MILLISECOND)
            + element(ebml.MUXING_APP, b"handfast")
            + element(ebml.WRITING_APP, b"handfast")
            + (duration if self._end else _void(len(duration))),
        )


def _cue_point(cue: _Cue) -> bytes:
    positions = number(ebml.CUE_TRACK, cue.track) + number(ebml.CUE_CLUSTER_POSITION, cue.position)
    return element(
        ebml.CUE_POINT,
        number(ebml.CUE_TIME, cue.time) + element(ebml.CUE_TRACK_POSITIONS, positions),
    )


def _void(octets: int) -> bytes:
    return element(ebml.VOID, bytes(octets - _LEAST_VOID))
