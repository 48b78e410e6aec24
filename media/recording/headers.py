"""Headers of MP4 and Matroska files, made by FFmpeg from specimens of the streams."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING

import av
from av import VideoStream
from av.error import FFmpegError

from media.recording import ebml
from media.recording.boxes import box_of, boxes
from media.recording.ebml import element, elements, number
from media.recording.parameters import specimen

if TYPE_CHECKING:
    from media.recording.parameters import StreamSpec

# The fragments are ours: nothing follows the empty moov.
_MP4_OPTIONS = {"movflags": "empty_moov+frag_keyframe+default_base_moof"}
_MATROSKA_OPTIONS = {"write_crc32": "0"}

# Format numbers of WAVEFORMATEX, and bits a sample: PyAV cannot make FFmpeg write these codecs.
_WAVES = {"pcma": (6, 8), "pcmu": (7, 8), "g722": (0x028F, 4)}
# Sample rates in Hz: that of G.722 is twice its RTP clock rate (RFC 3551 section 4.5.2).
_WAVE_RATES = {"pcma": 8_000, "pcmu": 8_000, "g722": 16_000}
#: Bytes a second of all these codecs: 64 kbit/s (RFC 3551 section 4.5).
_WAVE_BYTE_RATE = 8_000


def mp4_header(
    streams: Sequence[StreamSpec], delays: Mapping[int, Fraction] = MappingProxyType({})
) -> bytes:
    """Return the ftyp and moov boxes of a fragmented file; timescales are the RTP clock rates.

    Args:
        streams: The streams in the order of their tracks.
        delays: Milliseconds in seconds before the begin of a stream, by its index: an edit list
            says them.

    Raises:
        FFmpegError: FFmpeg does not take these streams.
        ValueError: A first frame is no key frame of its codec.
    """
    header = _made("mp4", _MP4_OPTIONS, streams)
    return _with_delays(header, delays) if delays else header


def matroska_tracks(streams: Sequence[StreamSpec]) -> bytes:
    """Return the entries of a Tracks element, numbered from 1.

    Raises:
        FFmpegError: FFmpeg does not take these streams.
        ValueError: A first frame is no key frame of its codec.
    """
    return b"".join(
        element(ebml.TRACK_ENTRY, _numbered(index, _entry(spec)))
        for index, spec in enumerate(streams, 1)
    )


def _with_delays(header: bytes, delays: Mapping[int, Fraction]) -> bytes:
    parts = []
    for box in boxes(header):
        data = box.data
        if box.kind == b"moov":
            index = -1
            tracks = []
            for inner in boxes(data):
                index += inner.kind == b"trak"
                delay = delays.get(index) if inner.kind == b"trak" else None
                edits = b"" if delay is None else _edit_list(delay)
                tracks.append(box_of(inner.kind, _after_header(inner.data, edits=edits)))
            data = b"".join(tracks)
        parts.append(box_of(box.kind, data))
    return b"".join(parts)


def _after_header(track: bytes, *, edits: bytes) -> bytes:
    """Put an edit list behind the header of a track, which comes first (section 8.5.1)."""
    end = int.from_bytes(track[:4], "big") if edits else 0
    return track[:end] + edits + track[end:]


def _edit_list(delay: Fraction) -> bytes:
    """Make an edit list of nothing for so long, and of the media then (section 8.6.6)."""
    # FFmpeg's movies count in milliseconds. An edit without an end goes on with the fragments.
    nothing = struct.pack(">IiHH", round(delay * 1000), -1, 1, 0)
    media = struct.pack(">IiHH", 0, 0, 1, 0)
    return box_of(b"edts", box_of(b"elst", struct.pack(">II", 0, 2) + nothing + media))


def _numbered(index: int, entry: bytes) -> bytes:
    kept = [
        element(identifier, _sized(data) if identifier == ebml.VIDEO else data)
        for identifier, data in elements(entry)
        if identifier not in (ebml.TRACK_NUMBER, ebml.TRACK_UID)
    ]
    return b"".join((number(ebml.TRACK_NUMBER, index), number(ebml.TRACK_UID, index), *kept))


def _sized(video: bytes) -> bytes:
    """Return a Video element's contents with sizes of eight bytes, which a larger one fits into."""
    return b"".join(
        number(identifier, int.from_bytes(data, "big"))
        if identifier in (ebml.PIXEL_WIDTH, ebml.PIXEL_HEIGHT)
        else element(identifier, data)
        for identifier, data in elements(video)
    )


def _entry(spec: StreamSpec) -> bytes:
    name = spec.codec.name.lower()
    if name in _WAVES:
        return _wave(name)
    file = _made("matroska", _MATROSKA_OPTIONS, [spec])
    (segment,) = (data for identifier, data in elements(file) if identifier == ebml.SEGMENT)
    (tracks,) = (data for identifier, data in elements(segment) if identifier == ebml.TRACKS)
    ((_, entry),) = elements(tracks)
    return entry


def _wave(name: str) -> bytes:
    form, bits = _WAVES[name]
    rate = _WAVE_RATES[name]
    # WAVEFORMATEX: bytes a second, bytes a block, and no data behind it.
    private = struct.pack("<HHIIHHH", form, 1, rate, _WAVE_BYTE_RATE, 1, bits, 0)
    frequency = element(ebml.SAMPLING_FREQUENCY, struct.pack(">d", rate))
    return (
        number(ebml.TRACK_TYPE, ebml.AUDIO_TRACK)
        + element(ebml.CODEC_ID, b"A_MS/ACM")
        + element(ebml.CODEC_PRIVATE, private)
        + element(ebml.AUDIO, frequency + number(ebml.CHANNELS, 1))
    )


def _made(name: str, options: dict[str, str], streams: Sequence[StreamSpec]) -> bytes:
    """Return the bytes that FFmpeg writes before the first frame."""
    file = io.BytesIO()
    container = av.open(file, "w", format=name, container_options=options)
    try:
        for spec in streams:
            with av.open(io.BytesIO(specimen(spec)), "r", format="matroska") as source:
                stream = container.add_stream_from_template(source.streams[0], opaque=True)
            stream.time_base = Fraction(1, spec.codec.clock_rate)
            if isinstance(stream, VideoStream) and (size := spec.picture_size) is not None:
                # FFmpeg takes the lowest of the spatial layers of the first picture.
                stream.codec_context.width, stream.codec_context.height = size
            if name == "mp4" and spec.codec.name.lower() == "h265":
                # Apple's players take no hev1, which FFmpeg would write.
                stream.codec_context.codec_tag = "hvc1"
        container.start_encoding()
        return file.getvalue()
    finally:
        with suppress(FFmpegError):
            container.close()
