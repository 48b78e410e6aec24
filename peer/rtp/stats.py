"""Owns the statistics of RTP streams (W3C webrtc-stats sections 8.3 to 8.6), as values."""

from __future__ import annotations

from dataclasses import dataclass

from peer.rtp.codec_stats import CodecStats


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpStreamStats:
    """What every entry about a stream has.

    Args:
        id: Unique within one report, the same for the same stream in each.
        type: The W3C name of the kind of entry.
        timestamp: Milliseconds since 1970.
        ssrc: Of the stream.
        kind: `audio` or `video`.
        mid: Of the m-section; empty before negotiation.
    """

    id: str
    type: str
    timestamp: float
    ssrc: int
    kind: str
    mid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRtpStats(RtpStreamStats):
    """What we sent. `framesEncoded` counts frames that became packets."""

    packetsSent: int
    bytesSent: int
    framesEncoded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteInboundRtpStats(RtpStreamStats):
    """What the peer says it received of our stream.

    Args:
        packetsLost: Of all sent so far; negative when duplicates arrived.
        fractionLost: 0 to 1, since the report before.
        jitter: In seconds.
        roundTripTime: In seconds; None before the first measurement.
    """

    packetsReceived: int
    packetsLost: int
    fractionLost: float
    jitter: float
    roundTripTime: float | None


RtpStatsReport = dict[str, RtpStreamStats | CodecStats]
