"""Makes the statistics of a receiver of the counts of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.codec_stats import codec_stats
from peer.rtp.inbound.sources import linear_level
from peer.rtp.inbound.stats import InboundRtpStats, RemoteOutboundRtpStats
from peer.rtp.rtcp import from_ntp
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp.inbound.inbound_rtp import InboundRtp, RemoteReport
    from peer.rtp.moment import Moment
    from peer.rtp.receiving.ssrcs import StreamStatistics
    from peer.rtp.stats import RtpStatsReport
    from peer.rtp_parameters import MediaKind


@dataclass(frozen=True, slots=True)
class InboundReporter:
    """Makes the `getStats` entries of one receiver.

    Args:
        kind: Audio or video.
        mid: The name of the m-section.
        track: The id of the receiver's track.
        inbound: The inbound RTP of the receiver.
    """

    kind: MediaKind
    mid: str
    track: str
    inbound: InboundRtp

    def report(self, moment: Moment) -> RtpStatsReport:
        """Makes `inbound-rtp` for each SSRC, and `remote-outbound-rtp` and `codec` once known."""
        report: RtpStatsReport = {}
        codec_id = None
        if self.inbound.codec is not None:
            codec = codec_stats(
                self.inbound.codec,
                mid=self.mid,
                direction="inbound",
                timestamp=moment.milliseconds(moment.now),
            )
            report[codec.id] = codec
            codec_id = codec.id
        streams = self.inbound.stream_receiver.statistics()
        repairs = {each.repairs: each.ssrc for each in streams}
        for stream in streams:
            if stream.repairs is None:
                entry = self._inbound(stream, repairs.get(stream.ssrc), codec_id, moment)
                report[entry.id] = entry
        for remote in self.inbound.sender_reports.values():
            outbound = self._remote_outbound(remote, moment)
            report[outbound.id] = outbound
        return report

    def _inbound_id(self, ssrc: int) -> str:
        return f"inbound-rtp-{self.mid}-{ssrc}"

    def _remote_id(self, ssrc: int) -> str:
        return f"remote-outbound-rtp-{self.mid}-{ssrc}"

    def _inbound(
        self, stream: StreamStatistics, rtx_ssrc: int | None, codec_id: str | None, moment: Moment
    ) -> InboundRtpStats:
        decoding = self.inbound.decoding
        counters, jitter_buffer = decoding.counters, decoding.jitter_buffer.statistics
        lost_later = counters.dropped + jitter_buffer.dropped + decoding.track.dropped
        return InboundRtpStats(
            id=self._inbound_id(stream.ssrc),
            type="inbound-rtp",
            timestamp=moment.milliseconds(moment.now),
            ssrc=stream.ssrc,
            kind=self.kind.value,
            mid=self.mid,
            trackIdentifier=self.track,
            codecId=codec_id,
            remoteId=self._remote_id(stream.ssrc)
            if stream.ssrc in self.inbound.sender_reports
            else None,
            packetsReceived=stream.packets,
            bytesReceived=stream.bytes,
            packetsLost=stream.lost,
            packetsDiscarded=stream.discarded,
            jitter=stream.jitter,
            lastPacketReceivedTimestamp=moment.milliseconds(stream.last_arrival),
            rtxSsrc=rtx_ssrc,
            retransmittedPacketsReceived=stream.retransmitted_packets,
            retransmittedBytesReceived=stream.retransmitted_bytes,
            nackCount=stream.nack_count,
            pliCount=stream.pli_count,
            firCount=stream.fir_count,
            framesReceived=stream.frames + stream.frames_dropped,
            framesDecoded=counters.frames,
            keyFramesDecoded=counters.keyframes,
            framesDropped=stream.frames_dropped + lost_later,
            frameWidth=counters.width,
            frameHeight=counters.height,
            totalDecodeTime=counters.seconds,
            totalSamplesReceived=counters.samples,
            concealedSamples=counters.concealed,
            concealmentEvents=counters.concealments,
            jitterBufferDelay=jitter_buffer.delay,
            jitterBufferTargetDelay=jitter_buffer.target_delay,
            jitterBufferEmittedCount=jitter_buffer.emitted,
            freezeCount=decoding.freezes.count,
            totalFreezesDuration=decoding.freezes.seconds,
            audioLevel=linear_level(stream.level),
        )

    def _remote_outbound(self, remote: RemoteReport, moment: Moment) -> RemoteOutboundRtpStats:
        report = remote.report
        return RemoteOutboundRtpStats(
            id=self._remote_id(report.ssrc),
            type="remote-outbound-rtp",
            timestamp=moment.milliseconds(remote.arrival),
            ssrc=report.ssrc,
            kind=self.kind.value,
            mid=self.mid,
            localId=self._inbound_id(report.ssrc),
            packetsSent=report.packet_count,
            bytesSent=report.octet_count,
            remoteTimestamp=from_ntp(report.ntp_time) * 1000,
        )
