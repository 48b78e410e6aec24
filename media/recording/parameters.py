"""Owns what a container must know of a stream before its first frame: `StreamSpec`.

FFmpeg finds that out by itself, parameter sets and sequence headers included, when it opens a
file. So it is shown a Matroska file of one frame, made here, and its answer is the template of the
stream that is written.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media.recording import ebml
from media.recording.ebml import element, number
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
        number(ebml.TRACK_NUMBER, 1),
        number(ebml.TRACK_UID, 1),
        element(ebml.CODEC_ID, _IDENTIFIERS[spec.codec.name.lower()]),
    ]
    if spec.codec.kind is MediaKind.AUDIO:
        channels = spec.codec.channels or 1
        rate = element(ebml.SAMPLING_FREQUENCY, struct.pack(">d", spec.codec.clock_rate))
        entry += [
            number(ebml.TRACK_TYPE, ebml.AUDIO_TRACK),
            element(ebml.CODEC_PRIVATE, opus_head(channels)),
            number(ebml.SEEK_PRE_ROLL, _OPUS_PRE_ROLL),
            element(ebml.AUDIO, rate + number(ebml.CHANNELS, channels)),
        ]
    else:
        shape = format_of(spec.codec).describe(spec.first)
        if not shape.keyframe or not shape.width or not shape.height:
            raise ValueError(f"the first frame is no key frame of {spec.codec.name}")
        size = number(ebml.PIXEL_WIDTH, shape.width) + number(ebml.PIXEL_HEIGHT, shape.height)
        entry += [number(ebml.TRACK_TYPE, ebml.VIDEO_TRACK), element(ebml.VIDEO, size)]
    block = _BLOCK_HEADER + (spec.first or _NO_SOUND)
    parts = (
        element(ebml.INFO, number(ebml.TIMESTAMP_SCALE, _MILLISECOND)),
        element(ebml.TRACKS, element(ebml.TRACK_ENTRY, b"".join(entry))),
        element(ebml.CLUSTER, number(ebml.TIMESTAMP, 0) + element(ebml.SIMPLE_BLOCK, block)),
    )
    head = element(ebml.EBML, element(ebml.DOC_TYPE, b"matroska"))
    return head + element(ebml.SEGMENT, b"".join(parts))
