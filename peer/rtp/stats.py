"""The members of all statistics entries on RTP streams (W3C webrtc-stats section 8.1)."""

from __future__ import annotations

from peer.rtp.codec_stats import CodecStats
from peer.rtp.media_source_stats import MediaSourceStats
from peer.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpStreamStats:
    """The members of every entry on an RTP stream (RTCRtpStreamStats).

    Args:
        id: Unique within one report, and the same in all reports for one stream.
        type: W3C name of the type of entry.
        timestamp: Milliseconds since 1970.
        ssrc: SSRC of the stream.
        kind: `audio` or `video`.
        mid: MID of the m-section; empty before negotiation.
        transportId: Id of the `transport` entry, in the statistics of a connection; else None.
    """

    id: str
    type: str
    timestamp: float
    ssrc: int
    kind: str
    mid: str
    transportId: str | None = None


RtpStats = RtpStreamStats | CodecStats | MediaSourceStats
RtpStatsReport = dict[str, RtpStats]
