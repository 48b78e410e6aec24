"""Builds the statistics of a sender (W3C webrtc-stats) from its running stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.codec_stats import codec_stats
from peer.rtp.media_source_stats import MediaSourceStats
from peer.rtp.outbound.stats import OutboundRtpStats, QualityLimitation, RemoteInboundRtpStats
from peer.rtp_parameters import MediaKind
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.rtp.moment import Moment
    from peer.rtp.outbound.encodings import RtpEncodingParameters
    from peer.rtp.outbound.outbound_stream import OutboundStream, PeerReport
    from peer.rtp.stats import RtpStatsReport
    from peer.rtp.tracks import MediaStreamTrack


@dataclass(frozen=True, slots=True)
class OutboundReporter:
    """Builds the statistics entries of one stream of a sender.

    Args:
        kind: Audio or video.
        stream: Running stream of the sender.
        source_ssrc: SSRC of the sender, which names the source of all its streams.
        track: Track that is sent.
        encoding: The encoding of the stream as the application set it.
        index: Number of the encoding.
    """

    kind: MediaKind
    stream: OutboundStream
    source_ssrc: int
    track: MediaStreamTrack | None
    encoding: RtpEncodingParameters
    index: int

    @property
    def ssrc(self) -> int:
        """SSRC of the stream."""
        return self.stream.ssrcs[0]

    def report(self, moment: Moment) -> RtpStatsReport:
        """Return the entries by id: `outbound-rtp`, `codec` and, once known, the two others."""
        now = moment.milliseconds(moment.now)
        parameters = self.stream.parameters
        codec = codec_stats(
            parameters.codecs[0], mid=parameters.mid, direction="outbound", timestamp=now
        )
        report: RtpStatsReport = {codec.id: codec}
        source = None if self.track is None else self._source(self.track, now)
        if source is not None:
            report[source.id] = source
        peer, remote = self.stream.peer_report, None
        if peer is not None:
            remote = self._remote_inbound(peer, moment)
            report[remote.id] = remote
        outbound = self._outbound(
            now,
            codec_id=codec.id,
            source_id=None if source is None else source.id,
            remote_id=None if remote is None else remote.id,
        )
        report[outbound.id] = outbound
        return report

    @property
    def _id(self) -> str:
        return f"outbound-rtp-{self.stream.parameters.mid}-{self.ssrc}"

    def _source(self, track: MediaStreamTrack, now: float) -> MediaSourceStats:
        last = self.stream.last_frame
        level = None if last is None else last.level
        return MediaSourceStats(
            id=f"media-source-{self.source_ssrc}-{track.id}",
            type="media-source",
            timestamp=now,
            trackIdentifier=track.id,
            kind=self.kind.value,
            # RFC 6464 section 3: decibels below the loudest.
            audioLevel=None if level is None else 10 ** (-level.level / 20),
            width=None if last is None else last.width,
            height=None if last is None else last.height,
        )

    def _outbound(
        self, now: float, *, codec_id: str, source_id: str | None, remote_id: str | None
    ) -> OutboundRtpStats:
        stream = self.stream
        counts, sent, last = stream.counts, stream.rtp.counters, stream.last_frame
        return OutboundRtpStats(
            id=self._id,
            type="outbound-rtp",
            timestamp=now,
            ssrc=self.ssrc,
            kind=self.kind.value,
            mid=stream.parameters.mid,
            codecId=codec_id,
            mediaSourceId=source_id,
            remoteId=remote_id,
            rtxSsrc=stream.ssrcs[1] if stream.uses_rtx else None,
            rid=self.encoding.rid,
            encodingIndex=self.index if self.kind is MediaKind.VIDEO else None,
            active=self.encoding.active,
            packetsSent=sent.packets + sent.retransmitted_packets,
            bytesSent=sent.octets + sent.retransmitted_octets,
            headerBytesSent=sent.header_octets,
            retransmittedPacketsSent=sent.retransmitted_packets,
            retransmittedBytesSent=sent.retransmitted_octets,
            framesSent=sent.frames,
            framesEncoded=counts.encoded,
            keyFramesEncoded=counts.keyframes,
            frameWidth=None if last is None else last.width,
            frameHeight=None if last is None else last.height,
            totalEncodeTime=counts.encode_time,
            totalPacketSendDelay=sent.send_delay,
            targetBitrate=stream.bitrate,
            qualityLimitationReason=self._limitation,
            nackCount=sent.nacks,
            pliCount=counts.plis,
            firCount=counts.firs,
        )

    @property
    def _limitation(self) -> QualityLimitation | None:
        if self.kind is MediaKind.AUDIO:
            return None
        return (
            QualityLimitation.BANDWIDTH
            if self.stream.is_bandwidth_limited
            else QualityLimitation.NONE
        )

    def _remote_inbound(self, peer: PeerReport, moment: Moment) -> RemoteInboundRtpStats:
        stream, report = self.stream, peer.report
        return RemoteInboundRtpStats(
            id=f"remote-inbound-rtp-{stream.parameters.mid}-{self.ssrc}",
            type="remote-inbound-rtp",
            timestamp=moment.milliseconds(peer.arrival),
            ssrc=self.ssrc,
            kind=self.kind.value,
            mid=stream.parameters.mid,
            localId=self._id,
            packetsReceived=max(0, stream.rtp.counters.packets - report.cumulative_lost),
            packetsLost=report.cumulative_lost,
            fractionLost=report.fraction_lost / 256,
            jitter=report.jitter / stream.clock_rate,
            roundTripTime=stream.rtp.round_trip_time,
            totalRoundTripTime=stream.counts.round_trip_total,
            roundTripTimeMeasurements=stream.counts.round_trips,
        )
