"""Owns `RtpSender`, the sending half of a transceiver (W3C webrtc-pc section 5.2)."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING

from peer.errors import ConfigurationError, InvalidStateError
from peer.rtp.moment import Moment
from peer.rtp.outbound.dtmf_sender import DtmfSender
from peer.rtp.outbound.media import OutboundMedia
from peer.rtp.outbound.report import OutboundReporter
from peer.rtp.outbound.send_parameters import ParameterExchange, RtpSendParameters
from peer.rtp.outbound.tone_playout import TonePlayout
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from peer.rtp.engine.ports import SendingEngine
    from peer.rtp.stats import RtpStatsReport
    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import SendParameters


class RtpSender:
    """Sends one track at a time as one stream. The connection makes it.

    Args:
        kind: Audio or video.
        track: What to send at first, or None.

    Attributes:
        ssrc: Of the stream, for as long as the sender lives.
        rtx_ssrc: Of its retransmissions.
        dtmf: Sends the tones of a telephone; None for video.
    """

    def __init__(self, kind: MediaKind, track: MediaStreamTrack | None = None) -> None:
        self.kind = kind
        self.ssrc = _random_ssrc()
        self.rtx_ssrc = _random_ssrc()
        self._tones = TonePlayout()
        self.dtmf = DtmfSender(self._tones) if kind is MediaKind.AUDIO else None
        self._exchange = ParameterExchange(kind)
        self._engine: SendingEngine | None = None
        self._media: OutboundMedia | None = None
        self._agreed: SendParameters | None = None
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
        if self._media is not None:
            self._media.switch(track)

    def getParameters(self) -> RtpSendParameters:
        """How the track is sent; change the copy and give it to `setParameters`.

        Between the two nothing may be awaited, as in W3C.
        """
        return self._exchange.get(self._agreed)

    def setParameters(self, parameters: RtpSendParameters) -> asyncio.Future[None]:
        """Send like this from now on, without negotiation.

        It has taken effect when the call returns; awaiting it is W3C's way to say so.

        Raises:
            InvalidStateError: The sender has stopped, or the parameters are not fresh from
                `getParameters`.
            InvalidModificationError: Something read-only was changed.
            ConfigurationError: A number is out of its range.
        """
        if self._stopped:
            raise InvalidStateError("the sender has stopped")
        self._exchange.accept(parameters)
        if self._media is not None:
            self._media.encode(self._exchange.encoding)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    @property
    def started(self) -> bool:
        """Whether `start` was called and `stop` was not."""
        return self._media is not None

    async def getStats(self) -> RtpStatsReport:
        """Entries once started: `outbound-rtp`, `codec`, `media-source` and, once the peer has
        reported, `remote-inbound-rtp`.
        """
        if self._media is None or self._engine is None:
            return {}
        reporter = OutboundReporter(
            kind=self.kind,
            media=self._media,
            ssrc=self.ssrc,
            rtx_ssrc=self.rtx_ssrc,
            track=self._track,
            active=self._exchange.encoding.active,
        )
        return reporter.report(Moment(self._engine.clock(), time.time()))

    def start(self, engine: SendingEngine, parameters: SendParameters) -> None:
        """Send over a transport what the tracks give.

        Raises:
            InvalidStateError: It was started or stopped before.
        """
        if self._stopped or self._media is not None:
            raise InvalidStateError("the sender was started or stopped before")
        self._engine = engine
        self._media = OutboundMedia(
            self.kind,
            engine,
            parameters,
            self._exchange.encoding,
            ssrc=self.ssrc,
            rtx_ssrc=self.rtx_ssrc,
        )
        self._agree(parameters)
        self._media.switch(self._track)
        self._tones.attach(self._media, engine.clock)

    def update(self, parameters: SendParameters | None) -> None:
        """Go on with other parameters; None drops what the track gives until there are some again.

        Raises:
            InvalidStateError: It was not started.
        """
        if self._media is None:
            raise InvalidStateError("the sender was not started")
        self._media.agree(parameters)
        self._agree(parameters)

    async def stop(self) -> None:
        """Send a BYE and release everything; any number of times. The track goes on."""
        self._stopped = True
        media, self._media = self._media, None
        if self.dtmf is not None:
            self.dtmf.stop()
        self._tones.stop()
        if media is not None:
            media.stop()

    def _agree(self, parameters: SendParameters | None) -> None:
        self._agreed = parameters or self._agreed
        self._exchange.forget()


def _random_ssrc() -> int:
    # RFC 3550 section 8.1 wants them random; 0 means "none" in RTCP feedback (RFC 4585).
    return secrets.randbelow(0xFFFFFFFF) + 1
