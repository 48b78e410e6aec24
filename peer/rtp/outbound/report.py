"""Owns what a sender reports of what it sent, read off its running half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.rtp.codec_stats import codec_stats
from peer.rtp.media_source_stats import MediaSourceStats
from peer.rtp.outbound.stats import OutboundRtpStats, QualityLimitation, RemoteInboundRtpStats
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from peer.rtp.moment import Moment
    from peer.rtp.outbound.media import OutboundMedia, PeerReport
    from peer.rtp.stats import RtpStatsReport
    from peer.rtp.tracks import MediaStreamTrack


@dataclass(frozen=True, slots=True)
class OutboundReporter:
    """Makes the entries of one sender.

    Args:
        kind: Audio or video.
        media: What is reported of.
        ssrc: Of its stream.
        rtx_ssrc: Of its retransmissions.
        track: What is sent.
        active: Whether the application lets it be sent.
    """

    kind: MediaKind
    media: OutboundMedia
    ssrc: int
    rtx_ssrc: int
    track: MediaStreamTrack | None
    active: bool

    def report(self, moment: Moment) -> RtpStatsReport:
        """`outbound-rtp`, `codec`, and `media-source` and `remote-inbound-rtp` once known."""
        now = moment.milliseconds(moment.now)
        parameters = self.media.parameters
        codec = codec_stats(
            parameters.codecs[0], mid=parameters.mid, direction="outbound", timestamp=now
        )
        report: RtpStatsReport = {codec.id: codec}
        source = None if self.track is None else self._source(self.track, now)
        if source is not None:
            report[source.id] = source
        peer, remote = self.media.peer_report, None
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
        return f"outbound-rtp-{self.media.parameters.mid}-{self.ssrc}"

    def _source(self, track: MediaStreamTrack, now: float) -> MediaSourceStats:
        last = self.media.last
        level = None if last is None else last.level
        return MediaSourceStats(
            id=f"media-source-{self.ssrc}-{track.id}",
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
        media = self.media
        counts, sent, last = media.counts, media.transmission.counters, media.last
        return OutboundRtpStats(
            id=self._id,
            type="outbound-rtp",
            timestamp=now,
            ssrc=self.ssrc,
            kind=self.kind.value,
            mid=media.parameters.mid,
            codecId=codec_id,
            mediaSourceId=source_id,
            remoteId=remote_id,
            rtxSsrc=self.rtx_ssrc if media.repairs_apart else None,
            active=self.active,
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
            targetBitrate=media.bitrate,
            qualityLimitationReason=self._limitation,
            nackCount=sent.nacks,
            pliCount=counts.plis,
            firCount=counts.firs,
        )

    @property
    def _limitation(self) -> QualityLimitation | None:
        if self.kind is MediaKind.AUDIO:
            return None
        return QualityLimitation.BANDWIDTH if self.media.limited else QualityLimitation.NONE

    def _remote_inbound(self, peer: PeerReport, moment: Moment) -> RemoteInboundRtpStats:
        media, report = self.media, peer.report
        return RemoteInboundRtpStats(
            id=f"remote-inbound-rtp-{media.parameters.mid}-{self.ssrc}",
            type="remote-inbound-rtp",
            timestamp=moment.milliseconds(peer.arrival),
            ssrc=self.ssrc,
            kind=self.kind.value,
            mid=media.parameters.mid,
            localId=self._id,
            packetsReceived=max(0, media.transmission.counters.packets - report.cumulative_lost),
            packetsLost=report.cumulative_lost,
            fractionLost=report.fraction_lost / 256,
            jitter=report.jitter / media.clock_rate,
            roundTripTime=media.transmission.round_trip_time,
            totalRoundTripTime=media.counts.round_trip_total,
            roundTripTimeMeasurements=media.counts.round_trips,
        )
