"""Owns what a container must know of a stream before its first frame: `StreamSpec`.

FFmpeg finds that out by itself, parameter sets and sequence headers included, when it opens a
file. So it is shown a Matroska file of one frame, made here, and its answer is the template of the
stream that is written.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.rtp.formats import format_of
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One stream of a file.

    Args:
        codec: Its codec, with its clock rate in hertz.
        first: Its first frame, a key frame, in the form of `EncodedFrame.payload`. Nothing is
            written of it: it only says what the container wants to know of the stream. Sound needs
            none.
    """

    codec: Codec
    first: bytes = b""


# RFC 9559 section 5: identifiers of elements, with their length's marker.
_EBML, _DOC_TYPE = 0x1A45DFA3, 0x4282
_SEGMENT, _INFO, _TIMESTAMP_SCALE = 0x18538067, 0x1549A966, 0x2AD7B1
_TRACKS, _TRACK_ENTRY, _TRACK_NUMBER, _TRACK_UID = 0x1654AE6B, 0xAE, 0xD7, 0x73C5
_TRACK_TYPE, _CODEC_ID, _CODEC_PRIVATE, _SEEK_PRE_ROLL = 0x83, 0x86, 0x63A2, 0x56BB
_VIDEO, _PIXEL_WIDTH, _PIXEL_HEIGHT = 0xE0, 0xB0, 0xBA
_AUDIO, _SAMPLING_FREQUENCY, _CHANNELS = 0xE1, 0xB5, 0x9F
_CLUSTER, _TIMESTAMP, _SIMPLE_BLOCK = 0x1F43B675, 0xE7, 0xA3
_VIDEO_TRACK, _AUDIO_TRACK = 1, 2
# Track 1, at the time of the cluster, a key frame (RFC 9559 section 10.2).
_BLOCK_HEADER = b"\x81\x00\x00\x80"
_MILLISECOND = 1_000_000
# RFC 7845 section 4.6: what a decoder of Opus wants to hear before it is right, in nanoseconds.
_OPUS_PRE_ROLL = 80 * _MILLISECOND
#: What Opus is always said to be (RFC 7587 section 4.1), in hertz.
OPUS_RATE = 48_000
# An empty packet of Opus: 20 ms of nothing.
_NO_SOUND = b"\xf8"

_IDENTIFIERS = {
    "opus": b"A_OPUS",
    "vp8": b"V_VP8",
    "vp9": b"V_VP9",
    "h264": b"V_MPEG4/ISO/AVC",
    "av1": b"V_AV1",
}


def opus_head(channels: int) -> bytes:
    """The header of RFC 7845 section 5.1.

    Nothing is to be skipped at the start: a recording begins somewhere in a call.
    """
    return b"OpusHead" + struct.pack("<BBHIhB", 1, channels, 0, OPUS_RATE, 0, 0)


def specimen(spec: StreamSpec) -> bytes:
    """A Matroska file that holds the first frame of the stream, and nothing else.

    Raises:
        ValueError: The first frame is no key frame of the codec.
        KeyError: No container takes the codec.
    """
    entry = [
        _number(_TRACK_NUMBER, 1),
        _number(_TRACK_UID, 1),
        _element(_CODEC_ID, _IDENTIFIERS[spec.codec.name.lower()]),
    ]
    if spec.codec.kind is MediaKind.AUDIO:
        channels = spec.codec.channels or 1
        rate = _element(_SAMPLING_FREQUENCY, struct.pack(">d", spec.codec.clock_rate))
        entry += [
            _number(_TRACK_TYPE, _AUDIO_TRACK),
            _element(_CODEC_PRIVATE, opus_head(channels)),
            _number(_SEEK_PRE_ROLL, _OPUS_PRE_ROLL),
            _element(_AUDIO, rate + _number(_CHANNELS, channels)),
        ]
    else:
        shape = format_of(spec.codec).describe(spec.first)
        if not shape.keyframe or not shape.width or not shape.height:
            raise ValueError(f"the first frame is no key frame of {spec.codec.name}")
        size = _number(_PIXEL_WIDTH, shape.width) + _number(_PIXEL_HEIGHT, shape.height)
        entry += [_number(_TRACK_TYPE, _VIDEO_TRACK), _element(_VIDEO, size)]
    block = _BLOCK_HEADER + (spec.first or _NO_SOUND)
    parts = (
        _element(_INFO, _number(_TIMESTAMP_SCALE, _MILLISECOND)),
        _element(_TRACKS, _element(_TRACK_ENTRY, b"".join(entry))),
        _element(_CLUSTER, _number(_TIMESTAMP, 0) + _element(_SIMPLE_BLOCK, block)),
    )
    head = _element(_EBML, _element(_DOC_TYPE, b"matroska"))
    return head + _element(_SEGMENT, b"".join(parts))


def _element(identifier: int, data: bytes) -> bytes:
    """RFC 8794 section 4: with a size in eight octets."""
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + (len(data) | 1 << 56).to_bytes(8, "big") + data


def _number(identifier: int, value: int) -> bytes:
    return _element(identifier, value.to_bytes(8, "big"))
