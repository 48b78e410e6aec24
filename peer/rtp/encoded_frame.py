"""Owns `EncodedFrame`: one picture or packet of sound as the peer encoded it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.levels import AudioLevel
    from peer.rtp_parameters import Codec
    from peer.times import MonotonicTime, UnixTime


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedFrame:
    """What a receiver hands to readers that do not want it decoded.

    Args:
        codec: As it was agreed, with its clock rate in hertz.
        payload: The whole frame. VP8 and VP9: as in IVF or WebM. H264: an access unit in Annex B
            form. AV1: a temporal unit in low-overhead form, without temporal delimiter. Sound: one
            packet of the codec.
        ssrc: Of the stream it came in.
        timestamp: Of RTP, 32 bits, in ticks of the codec's clock.
        pts: The same ticks from 0 at the first frame of the receiver, rising through wraps and
            changes of stream.
        arrival: When it was complete, in seconds of our monotonic clock.
        wall_clock: When it was captured, in seconds since 1970 by the sender's clock; None before
            the first sender report.
        keyframe: Whether it can be decoded by itself; always true for sound.
        gap: Whether something between it and the frame before was lost.
        width: In pixels, where the frame says so.
        height: In pixels, where the frame says so.
        level: How loud the sender says it is (RFC 6464).
    """

    codec: Codec
    payload: bytes
    ssrc: int
    timestamp: int
    pts: int
    arrival: MonotonicTime
    wall_clock: UnixTime | None = None
    keyframe: bool = True
    gap: bool = False
    width: int | None = None
    height: int | None = None
    level: AudioLevel | None = None
