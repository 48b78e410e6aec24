"""Owns what every entry about an RTP stream has (W3C webrtc-stats section 8.1), and reports."""

from __future__ import annotations

from dataclasses import dataclass

from peer.rtp.codec_stats import CodecStats
from peer.rtp.media_source_stats import MediaSourceStats


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


RtpStats = RtpStreamStats | CodecStats | MediaSourceStats
RtpStatsReport = dict[str, RtpStats]
