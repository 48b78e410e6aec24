"""Encoded frames with placeholder payloads, and their codecs."""

from __future__ import annotations

from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp_parameters import Codec, MediaKind

VP8 = Codec(kind=MediaKind.VIDEO, name="VP8", payload_type=97, clock_rate=90_000)
OPUS = Codec(kind=MediaKind.AUDIO, name="opus", payload_type=96, clock_rate=48_000, channels=2)


def encoded(
    pts: int,
    *,
    keyframe: bool = False,
    gap: bool = False,
    codec: Codec = VP8,
    payload: bytes = b"x",
    arrival: float = 0.0,
    ssrc: int = 1,
) -> EncodedFrame:
    """Make a frame that can be told by its `pts`; video is no keyframe by default."""
    return EncodedFrame(
        codec=codec,
        payload=payload,
        ssrc=ssrc,
        timestamp=pts % 2**32,
        pts=pts,
        arrival=arrival,
        keyframe=keyframe or codec.kind is MediaKind.AUDIO,
        gap=gap,
    )


def picture(pts: int) -> EncodedFrame:
    """Make a video frame that depends on the one before."""
    return encoded(pts)


def key(pts: int) -> EncodedFrame:
    """Make a keyframe."""
    return encoded(pts, keyframe=True)


def sound(pts: int) -> EncodedFrame:
    return encoded(pts, codec=OPUS)
