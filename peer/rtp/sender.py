"""Owns `RtpSender`, the sending half of a transceiver (W3C webrtc-pc section 5.2)."""

from __future__ import annotations

import logging
import secrets
import time
from typing import TYPE_CHECKING

from peer.errors import ConfigurationError, InvalidStateError
from peer.rtp.capabilities import to_aiortc_send
from peer.rtp.feed import Feed
from peer.rtp.stats import OutboundRtpStats, RemoteInboundRtpStats, RtpStatsReport
from peer.transport.eager import run_to_end
from peer.transport.seam.sender import MediaSender

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc.rtcdtlstransport import RTCDtlsTransport

    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import MediaKind, SendParameters

logger = logging.getLogger(__name__)


class RtpSender:
    """Sends one track at a time as one stream. The connection makes it.

    Args:
        kind: Audio or video.
        track: What to send at first, or None.
        clock: Seconds, monotonic.

    Attributes:
        ssrc: Of the stream, for as long as the sender lives.
        rtx_ssrc: Of its retransmissions.
    """

    def __init__(
        self,
        kind: MediaKind,
        track: MediaStreamTrack | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kind = kind
        self.ssrc = _random_ssrc()
        self.rtx_ssrc = _random_ssrc()
        self._feed = Feed(kind, clock=clock)
        self._media: MediaSender | None = None
        self._parameters: SendParameters | None = None
        self._failures = 0
        self._stopped = False
        self._track: MediaStreamTrack | None = None
        self.set_track(track)

    @property
    def track(self) -> MediaStreamTrack | None:
        """The track given last, even after it has ended."""
        return self._track

    async def replaceTrack(self, track: MediaStreamTrack | None) -> None:
        """Go on with another track, or with None, without negotiation.

        The former track is not stopped; the peer sees one stream whose time rises.

        Raises:
            ConfigurationError: The track is of another kind.
            InvalidStateError: The sender has stopped.
        """
        if self._stopped:
            raise InvalidStateError("the sender has stopped")
        self.set_track(track)

    def set_track(self, track: MediaStreamTrack | None) -> None:
        """`replaceTrack` without a coroutine, for the connection's own use."""
        if track is not None and track.kind != self.kind.value:
            raise ConfigurationError(
                f"a sender of kind {self.kind} cannot send a track of kind {track.kind}"
            )
        self._track = track
        self._feed.switch(track)

    @property
    def started(self) -> bool:
        """Whether `start` was called and `stop` was not."""
        return self._media is not None

    async def getStats(self) -> RtpStatsReport:
        """`outbound-rtp` once started; `remote-inbound-rtp` once the peer has reported."""
        report: RtpStatsReport = {}
        media, parameters = self._media, self._parameters
        if media is None or parameters is None:
            return report
        outbound = OutboundRtpStats(
            id=f"outbound-rtp-{parameters.mid}-{self.ssrc}",
            type="outbound-rtp",
            timestamp=time.time() * 1000,
            ssrc=self.ssrc,
            kind=self.kind.value,
            mid=parameters.mid,
            packetsSent=media.packets_sent,
            bytesSent=media.bytes_sent,
            framesEncoded=media.frames_encoded,
        )
        report[outbound.id] = outbound
        remote = media.remote_report
        if remote is not None:
            inbound = RemoteInboundRtpStats(
                id=f"remote-inbound-rtp-{parameters.mid}-{self.ssrc}",
                type="remote-inbound-rtp",
                timestamp=remote.timestamp.timestamp() * 1000,
                ssrc=self.ssrc,
                kind=self.kind.value,
                mid=parameters.mid,
                packetsReceived=remote.packetsReceived,
                packetsLost=remote.packetsLost,
                fractionLost=remote.fractionLost / 256,
                jitter=remote.jitter / parameters.codecs[0].clock_rate,
                roundTripTime=remote.roundTripTime,
            )
            report[inbound.id] = inbound
        return report

    def start(self, face: RTCDtlsTransport, parameters: SendParameters) -> None:
        """Send over a transport what the tracks give.

        Raises:
            InvalidStateError: It was started or stopped before.
        """
        if self._stopped or self._media is not None:
            raise InvalidStateError("the sender was started or stopped before")
        media = MediaSender(
            self._feed,
            face,
            ssrc=self.ssrc,
            rtx_ssrc=self.rtx_ssrc,
            on_encoder_error=self._on_encoder_error,
        )
        run_to_end(media.begin(to_aiortc_send(parameters)))
        self._media = media
        self._parameters = parameters

    def update(self, parameters: SendParameters | None) -> None:
        """Go on with other parameters; None drops what the track gives until there are some again.

        Raises:
            InvalidStateError: It was not started.
        """
        if self._media is None:
            raise InvalidStateError("the sender was not started")
        if parameters is None:
            self._feed.paused = True
            return
        if parameters != self._parameters:
            self._media.change(to_aiortc_send(parameters))
            self._parameters = parameters
        if self._feed.paused:
            self._feed.paused = False
            self._media.refresh()

    async def stop(self) -> None:
        """Send a BYE and release everything; any number of times. The track goes on."""
        self._stopped = True
        media, self._media = self._media, None
        self._feed.stop()
        if media is not None:
            await media.stop()

    def _on_encoder_error(self, error: Exception) -> None:
        self._failures += 1
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        logger.log(level, "a frame of kind %s could not be encoded: %r", self.kind, error)


def _random_ssrc() -> int:
    # RFC 3550 section 8.1 wants them random; 0 means "none" in RTCP feedback (RFC 4585).
    return secrets.randbelow(0xFFFFFFFF) + 1
