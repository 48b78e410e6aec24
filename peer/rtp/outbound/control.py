"""The connection's handle on an `RtpSender`: starts, changes and stops it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from peer.errors import InvalidStateError
from peer.rtp.outbound.outbound_rtp import OutboundRtp
from peer.rtp.outbound.outbound_streams import OutboundStreams
from peer.rtp.outbound.sender import RtpSender

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.rtp.engine.ports import SendingEngine
    from peer.rtp.outbound.encodings import RtpEncodingParameters
    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import MediaKind, SendParameters


class SenderControl:
    """Makes an `RtpSender` and drives it: start, other parameters, another track, stop.

    Programs get `sender` only.

    Args:
        kind: Audio or video.
        track: Track to send at first, or None.
        ssrc: SSRC of the first stream; a random one where it is not given.
        rtx_ssrc: SSRC of the RTX stream; a random one where it is not given.
        encodings: The encodings to begin with; empty for one.

    Attributes:
        sender: The sender as programs see it.
    """

    def __init__(
        self,
        kind: MediaKind,
        track: MediaStreamTrack | None = None,
        *,
        ssrc: int | None = None,
        rtx_ssrc: int | None = None,
        encodings: Sequence[RtpEncodingParameters] = (),
    ) -> None:
        self._outbound = OutboundRtp(
            kind,
            track,
            ssrc=_random_ssrc() if ssrc is None else ssrc,
            rtx_ssrc=_random_ssrc() if rtx_ssrc is None else rtx_ssrc,
            encodings=encodings,
        )
        self.sender = RtpSender(self._outbound)

    def __repr__(self) -> str:
        """Show the sender, and whether it has stopped."""
        return f"<SenderControl of {self.sender!r}{' stopped' if self._outbound.stopped else ''}>"

    def on_streams(self, change: Callable[[Sequence[str]], None]) -> None:
        """Have `setStreams` call this with the ids of the streams."""
        self._outbound.change_streams = change

    @property
    def engine(self) -> SendingEngine | None:
        """The RTP engine that packets go to; None before the start."""
        return self._outbound.engine

    @property
    def started(self) -> bool:
        """True from `start` to `stop`."""
        return self._outbound.streams is not None

    def set_track(self, track: MediaStreamTrack | None) -> None:
        """Send another track, or none; `RtpSender.replaceTrack` without a coroutine.

        Raises:
            ConfigurationError: The track is of another kind.
        """
        self._outbound.set_track(track)

    def copy_settings(self, other: SenderControl) -> None:
        """Encode as another sender does, by the encoding parameters that were set on it."""
        self._outbound.parameters.copy(other._outbound.parameters)

    def use_encodings(self, rids: Sequence[str]) -> None:
        """Have one encoding for each of these RIDs (RFC 8853), or one without RID."""
        self._outbound.parameters.use_rids(rids)

    def agree(self, parameters: SendParameters) -> None:
        """Note what was negotiated, before the start."""
        if parameters != self._outbound.negotiated:
            self._outbound.set_negotiated(parameters)

    def start(self, engine: SendingEngine, parameters: SendParameters) -> None:
        """Send the frames of the track over a transport.

        Raises:
            InvalidStateError: The sender was started or stopped before.
        """
        outbound = self._outbound
        if outbound.stopped or self.started:
            raise InvalidStateError("the sender was started or stopped before")
        outbound.engine = engine
        # An encoding with a codec that was not agreed on goes on without.
        outbound.set_negotiated(parameters)
        streams = outbound.streams = OutboundStreams(
            outbound.kind,
            engine,
            parameters,
            outbound.parameters.encodings,
            ssrc=outbound.ssrc,
            rtx_ssrc=outbound.rtx_ssrc,
            subscribe=outbound.transformed.subscribe,
        )
        streams.set_track(outbound.track)
        outbound.tones.attach(streams.first, engine.clock)

    def update(self, parameters: SendParameters | None) -> None:
        """Use other negotiated parameters; None drops frames until there are parameters again.

        Raises:
            InvalidStateError: The sender was not started.
        """
        outbound = self._outbound
        if outbound.streams is None:
            raise InvalidStateError("the sender was not started")
        outbound.set_negotiated(parameters)
        outbound.streams.set_parameters(parameters, outbound.parameters.encodings)

    async def stop(self) -> None:
        """End for good, as `end` does, where several parts of a connection are stopped."""
        self.end()

    def end(self) -> None:
        """Send a BYE and release everything, any number of times; the track is not stopped."""
        outbound = self._outbound
        outbound.stopped = True
        streams, outbound.streams = outbound.streams, None
        if self.sender.dtmf is not None:
            self.sender.dtmf.stop()
        outbound.tones.stop()
        if streams is not None:
            streams.stop()


def _random_ssrc() -> int:
    # RFC 3550 section 8.1 wants them random; 0 means "none" in RTCP feedback (RFC 4585).
    return secrets.randbelow(0xFFFFFFFF) + 1
