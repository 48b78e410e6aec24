"""Owns how a frame that a track gives encoded already is passed on as it is."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from av.packet import Packet

from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp.encoding.outgoing import OutgoingFrame
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from peer.rtp.encoding.reading import Reading
    from peer.rtp.encoding.settings import EncodingSettings
    from peer.rtp.formats import PayloadFormat
    from peer.rtp_parameters import Codec

# What RFC 9628 section 6 takes for granted where nothing is said.
_PROFILE = "0"


class OtherCodecError(ValueError):
    """The track gives frames of another codec than was agreed."""


def pass_on(
    reading: Reading, settings: EncodingSettings, payload_format: PayloadFormat
) -> OutgoingFrame | None:
    """The frame in payloads; None where there is nothing in it.

    Args:
        reading: Of an `EncodedFrame` or of av's packet, which is taken to be of the codec agreed.
        settings: What was agreed.
        payload_format: Of the stream.

    Raises:
        OtherCodecError: It is of another codec.
        MalformedError: It is no frame of this codec.
    """
    item = reading.item
    duration = Fraction(0)
    level = None
    if isinstance(item, EncodedFrame):
        if not same_stream_format(item.codec, settings.codec):
            raise OtherCodecError(
                f"the track gives {item.codec.mimeType}, but {settings.codec.mimeType} was agreed"
            )
        payload, keyframe, level = item.payload, item.keyframe, item.level
        width, height = item.width, item.height
    elif isinstance(item, Packet):
        payload = bytes(item)
        if not payload:
            return None
        # Who makes packets often leaves out what they are.
        shape = payload_format.describe(payload)
        keyframe, width, height = shape.keyframe, shape.width, shape.height
        duration = max(item.duration or 0, 0) * reading.time_base
    else:
        raise TypeError(f"{type(item).__name__} is not encoded")
    payloads = payload_format.packetize(payload, keyframe=keyframe, limit=settings.payload_limit)
    if not payloads:
        return None
    return OutgoingFrame(
        payloads=tuple(payloads),
        pts=reading.pts,
        time_base=reading.time_base,
        duration=duration if settings.codec.kind is MediaKind.AUDIO else Fraction(0),
        keyframe=keyframe,
        level=level,
        capture_monotonic=reading.capture_monotonic,
        capture_time=reading.capture_time,
        size=len(payload),
        encoded=False,
        width=width,
        height=height,
    )


def same_stream_format(ours: Codec, theirs: Codec) -> bool:
    """Whether who decodes the one can decode the other; how it is packetised does not matter."""
    return (
        ours.kind is theirs.kind
        and ours.name.lower() == theirs.name.lower()
        and ours.clock_rate == theirs.clock_rate
        and (ours.channels or 1) == (theirs.channels or 1)
        and (ours.parameter("profile-id") or _PROFILE)
        == (theirs.parameter("profile-id") or _PROFILE)
    )
