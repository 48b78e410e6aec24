"""Stream parameters that a container's header needs before the first frame.

FFmpeg finds them, parameter sets and sequence headers included, when it opens a file. So it is
given a specimen, a Matroska file of one frame made here, as the template of the stream.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from media.recording import ebml
from media.recording.ebml import element, number
from peer.rtp.formats import format_of
from peer.rtp_parameters import MediaKind
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """Parameters of one stream of a file.

    Args:
        codec: The codec, with its clock rate in Hz.
        first: The first key frame, in the form of `EncodedFrame.payload`. It is not written, but
            tells the parameters of the stream. Audio needs none.
        size: Width and height that the header says, in pixels; those of the first key frame where
            it is None.
    """

    codec: Codec
    first: bytes = b""
    size: tuple[int, int] | None = None

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """Width and height of the pictures, in pixels; None where they are not known."""
        if self.size is not None or self.codec.kind is MediaKind.AUDIO:
            return self.size
        shape = format_of(self.codec).describe(self.first)
        if shape.width is None or shape.height is None:
            return None
        return shape.width, shape.height


# Track 1, at the time of the cluster, a key frame (RFC 9559 section 10.2).
_BLOCK_HEADER = b"\x81\x00\x00\x80"
#: Nanoseconds of a timestamp tick: one millisecond.
_MILLISECOND = 1_000_000
#: Pre-roll of an Opus decoder in nanoseconds (RFC 7845 section 4.6).
_OPUS_PRE_ROLL = 80 * _MILLISECOND
#: RTP clock rate of Opus in Hz (RFC 7587 section 4.1).
OPUS_RATE = 48_000
# An empty packet of Opus: 20 ms of silence.
_NO_SOUND = b"\xf8"

_IDENTIFIERS = {
    "opus": b"A_OPUS",
    "vp8": b"V_VP8",
    "vp9": b"V_VP9",
    "h264": b"V_MPEG4/ISO/AVC",
    "h265": b"V_MPEGH/ISO/HEVC",
    "av1": b"V_AV1",
}


def opus_head(channels: int) -> bytes:
    """Make an OpusHead header (RFC 7845 section 5.1).

    The pre-skip is 0, as a recording begins somewhere in a call.
    """
    return b"OpusHead" + struct.pack("<BBHIhB", 1, channels, 0, OPUS_RATE, 0, 0)


def specimen(spec: StreamSpec) -> bytes:
    """Make a Matroska file of the first frame of a stream.

    Raises:
        ValueError: The first frame is no key frame of the codec.
        KeyError: The codec is unknown to containers.
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
