"""One video frame, or audio packet, as the peer encoded it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp.levels import AudioLevel
    from peer.rtp_parameters import Codec
    from peer.times import MonotonicTime, UnixTime


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedFrame:
    """A frame as the peer encoded it, with its times.

    Args:
        codec: The agreed codec, with its clock rate in Hz.
        payload: The whole frame. VP8 and VP9: as in IVF or WebM. H264, H265: an access unit in
            Annex B form. AV1: a temporal unit in low-overhead form, without temporal delimiter.
            Audio: one packet of the codec.
        ssrc: The SSRC of its packets.
        timestamp: RTP timestamp, 32 bits, in ticks of the codec's clock.
        pts: Presentation time in these ticks, 0 for the first frame of the receiver; rises through
            wraps and changes of the SSRC. Frames come in the order of decoding: that of a B-frame
            is below that of a frame before it.
        arrival: Arrival of its last packet, in seconds of our monotonic clock.
        wall_clock: Capture time, in seconds since 1970 by the sender's clock; None before the first
            sender report.
        keyframe: True where it can be decoded by itself; always for audio.
        gap: True where packets between it and the frame before were lost.
        width: In pixels, where the frame says so.
        height: In pixels, where the frame says so.
        level: Audio level that the sender says (RFC 6464).
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
