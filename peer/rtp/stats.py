"""The members of all statistics entries on RTP streams (W3C webrtc-stats section 8.1)."""

from __future__ import annotations

from peer.rtp.codec_stats import CodecStats
from peer.rtp.media_source_stats import MediaSourceStats
from peer.statistics_entry import StatsEntry
from peer.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpStreamStats(StatsEntry):
    """The members of every entry on an RTP stream (RTCRtpStreamStats).

    Args:
        ssrc: SSRC of the stream.
        kind: `audio` or `video`.
        mid: MID of the m-section; empty before negotiation.
        transportId: Id of the `transport` entry, in the statistics of a connection; else None.
    """

    ssrc: int
    kind: str
    mid: str
    transportId: str | None = None


RtpStats = RtpStreamStats | CodecStats | MediaSourceStats
RtpStatsReport = dict[str, RtpStats]
