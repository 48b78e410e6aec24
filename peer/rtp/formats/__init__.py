"""The RTP payload formats packetize and assemble the frames of each codec. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.formats.av1 import Av1Format
from peer.rtp.formats.h264 import H264Format
from peer.rtp.formats.h265 import H265Format
from peer.rtp.formats.opaque import OpaqueFormat
from peer.rtp.formats.parameter_sets import described_sets
from peer.rtp.formats.payload_format import Begins, FrameShape, NalUnitFormat, PayloadFormat
from peer.rtp.formats.vp8 import Vp8Format
from peer.rtp.formats.vp9 import Vp9Format

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec

__all__ = [
    "Begins",
    "FrameShape",
    "NalUnitFormat",
    "PayloadFormat",
    "format_of",
    "nal_unit_format",
    "reorder_depth",
]


def format_of(codec: Codec) -> PayloadFormat:
    """The payload format of a codec, for one stream; a packet is a frame of unknown codecs."""
    match codec.name.lower():
        case "vp8":
            return Vp8Format()
        case "vp9":
            return Vp9Format()
        case "h264":
            # RFC 6184 section 8.1: mode 0 without the parameter.
            fragments = codec.parameter("packetization-mode") == "1"
            return H264Format(fragments=fragments, described=described_sets(codec))
        case "h265":
            return H265Format(described=described_sets(codec))
        case "av1":
            return Av1Format()
        case _:
            return OpaqueFormat()


def reorder_depth(codec: Codec, keyframe: bytes) -> int:
    """The most pictures that come before one that is shown earlier, as a key frame's headers say.

    0 where they do not say it, and for codecs without B-frames.
    """
    payload_format = nal_unit_format(format_of(codec))
    return 0 if payload_format is None else payload_format.reorder_depth(keyframe) or 0


def nal_unit_format(payload_format: PayloadFormat) -> NalUnitFormat | None:
    """The payload format itself where it is one of NAL units."""
    return payload_format if isinstance(payload_format, H264Format | H265Format) else None
