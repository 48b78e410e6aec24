"""Owns `RtpReceiver`, the receiving half of a transceiver (W3C webrtc-pc section 5.3)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from peer.errors import InvalidStateError
from peer.rtp.capabilities import to_aiortc_receive
from peer.rtp.decoder_queue import DecoderQueue
from peer.rtp.inbound import InboundMedia
from peer.rtp.received_track import ReceivedTrack
from peer.rtp.stats import InboundRtpStats, RemoteOutboundRtpStats, RtpStatsReport
from peer.transport.eager import run_to_end

if TYPE_CHECKING:
    from aiortc.rtcdtlstransport import RTCDtlsTransport

    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import MediaKind, ReceiveParameters


class RtpReceiver:
    """Receives one m-section. The connection makes it; the application reads its `track`.

    Args:
        kind: Audio or video.

    Attributes:
        verified: Whether what the track gives is known to be from the peer that signalled. With
            `EarlyMedia.UNVERIFIED` frames come while this is False; they are of whoever answered
            the offer first, until it turns True, or the track ends because it was somebody else.
    """

    def __init__(self, kind: MediaKind) -> None:
        self.kind = kind
        self.verified = False
        self._track = ReceivedTrack(kind)
        self._decoder = DecoderQueue(kind, on_picture_loss=self._request_picture)
        self._media: InboundMedia | None = None
        self._parameters: ReceiveParameters | None = None
        self._stopped = False

    @property
    def track(self) -> MediaStreamTrack:
        """The track, from the beginning and to the end the same one."""
        return self._track

    @property
    def started(self) -> bool:
        """Whether `start` was called and `stop` was not."""
        return self._media is not None

    @property
    def face(self) -> RTCDtlsTransport | None:
        """What it receives over; None before the start."""
        return None if self._media is None else self._media.transport

    async def getStats(self) -> RtpStatsReport:
        """`inbound-rtp` for each stream; `remote-outbound-rtp` once the peer has reported."""
        report: RtpStatsReport = {}
        media, parameters = self._media, self._parameters
        if media is None or parameters is None:
            return report
        now = time.time() * 1000
        clock_rates = [codec.clock_rate for codec in parameters.codecs] or [1]
        for ssrc, stream in media.streams.items():
            inbound = InboundRtpStats(
                id=f"inbound-rtp-{parameters.mid}-{ssrc}",
                type="inbound-rtp",
                timestamp=now,
                ssrc=ssrc,
                kind=self.kind.value,
                mid=parameters.mid,
                packetsReceived=stream.packets_received,
                bytesReceived=media.bytes_received.get(ssrc, 0),
                packetsLost=stream.packets_lost,
                jitter=stream.jitter / clock_rates[0],
                framesDecoded=self._track.received,
                framesDropped=self._track.dropped,
            )
            report[inbound.id] = inbound
        remote = media.remote_report
        if remote is not None:
            outbound = RemoteOutboundRtpStats(
                id=f"remote-outbound-rtp-{parameters.mid}-{remote.ssrc}",
                type="remote-outbound-rtp",
                timestamp=remote.timestamp.timestamp() * 1000,
                ssrc=remote.ssrc,
                kind=self.kind.value,
                mid=parameters.mid,
                packetsSent=remote.packetsSent,
                bytesSent=remote.bytesSent,
                remoteTimestamp=(remote.remoteTimestamp or remote.timestamp).timestamp() * 1000,
            )
            report[outbound.id] = outbound
        return report

    def start(self, face: RTCDtlsTransport, parameters: ReceiveParameters, rtcp_ssrc: int) -> None:
        """Receive what `parameters` describe, and report under `rtcp_ssrc`.

        Raises:
            InvalidStateError: It was started or stopped before.
        """
        if self._stopped or self._media is not None:
            raise InvalidStateError("the receiver was started or stopped before")
        media = InboundMedia(self.kind.value, face, sink=self._track, decoder=self._decoder)
        run_to_end(media.begin(to_aiortc_receive(parameters), rtcp_ssrc))
        self._media = media
        self._parameters = parameters

    def update(self, parameters: ReceiveParameters | None) -> None:
        """Go on with other parameters; None drops what arrives until there are some again.

        Raises:
            InvalidStateError: It was not started.
        """
        if self._media is None:
            raise InvalidStateError("the receiver was not started")
        if parameters is None:
            self._media.pause()
        else:
            self._media.resume()
        if parameters is not None and parameters != self._parameters:
            self._media.change(to_aiortc_receive(parameters))
            self._parameters = parameters

    def move(self, face: RTCDtlsTransport, parameters: ReceiveParameters) -> None:
        """Go on over another transport.

        Raises:
            InvalidStateError: It was not started.
        """
        if self._media is None:
            raise InvalidStateError("the receiver was not started")
        self._media.go_on_over(face, to_aiortc_receive(parameters))
        self._parameters = parameters

    def disown(self) -> None:
        """What came was not the peer's: drop what was not fetched, and end the track."""
        if self._media is not None:
            self._media.pause()
        self._track.stop()

    async def stop(self) -> None:
        """End the track and release everything; any number of times."""
        self._stopped = True
        media, self._media = self._media, None
        self._track.finish()
        if media is not None:
            await media.end()

    def _request_picture(self) -> None:
        if self._media is not None:
            self._media.request_picture()
