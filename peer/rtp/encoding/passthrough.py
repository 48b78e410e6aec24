"""Passes encoded frames of a track through to senders, without an encoder."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from av.packet import Packet

from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp.encoding.outgoing import OutgoingFrame
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from peer.rtp.encoding.settings import EncodingSettings
    from peer.rtp.encoding.track_frame import TrackFrame
    from peer.rtp.formats import PayloadFormat
    from peer.rtp_parameters import Codec

# Defaults of `profile-id` (RFC 9628 section 6, RFC 7798 section 7.1).
_PROFILES = {"vp9": "0", "h265": "1"}


class OtherCodecError(ValueError):
    """The track gives frames of another codec than negotiated."""


def pass_through(
    track_frame: TrackFrame, settings: EncodingSettings, payload_format: PayloadFormat
) -> OutgoingFrame | None:
    """Packetise an encoded frame; None where it is empty.

    Args:
        track_frame: An `EncodedFrame`, or a packet of PyAV, which is taken to be of the negotiated
            codec.
        settings: Settings of the subscription.
        payload_format: Payload format of the codec.

    Raises:
        OtherCodecError: The frame is of another codec.
        MalformedError: The payload is no frame of the codec.
    """
    item = track_frame.item
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
        # Programs that make packets often leave out whether they are keyframes.
        shape = payload_format.describe(payload)
        keyframe, width, height = shape.keyframe, shape.width, shape.height
        duration = max(item.duration or 0, 0) * track_frame.time_base
    else:
        raise TypeError(f"{type(item).__name__} is not encoded")
    payloads = payload_format.packetize(payload, keyframe=keyframe, limit=settings.payload_limit)
    if not payloads:
        return None
    return OutgoingFrame(
        payloads=tuple(payloads),
        pts=track_frame.pts,
        time_base=track_frame.time_base,
        duration=duration if settings.codec.kind is MediaKind.AUDIO else Fraction(0),
        keyframe=keyframe,
        level=level,
        capture_monotonic=track_frame.capture_monotonic,
        capture_time=track_frame.capture_time,
        size=len(payload),
        encoded=False,
        width=width,
        height=height,
    )


def same_stream_format(ours: Codec, theirs: Codec) -> bool:
    """Return True where a decoder of one codec decodes the other, packetised in any way."""
    return (
        ours.kind is theirs.kind
        and ours.name.lower() == theirs.name.lower()
        and ours.clock_rate == theirs.clock_rate
        and (ours.channels or 1) == (theirs.channels or 1)
        and _profile(ours) == _profile(theirs)
    )


def _profile(codec: Codec) -> str | None:
    return codec.parameter("profile-id") or _PROFILES.get(codec.name.lower())
