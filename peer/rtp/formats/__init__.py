"""The RTP payload formats packetize and assemble the frames of each codec. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.formats.av1 import Av1Format
from peer.rtp.formats.h264 import H264Format
from peer.rtp.formats.h265 import H265Format
from peer.rtp.formats.opaque import OpaqueFormat
from peer.rtp.formats.parameter_sets import described_sets
from peer.rtp.formats.payload_format import FrameShape, PayloadFormat
from peer.rtp.formats.vp8 import Vp8Format
from peer.rtp.formats.vp9 import Vp9Format

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec

__all__ = ["FrameShape", "PayloadFormat", "format_of"]


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
