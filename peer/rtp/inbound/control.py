"""The connection's handle on an `RtpReceiver`: starts, changes, moves and ends it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from peer.errors import InvalidStateError
from peer.rtp.inbound.inbound_rtp import InboundRtp
from peer.rtp.inbound.receiver import RtpReceiver

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.engine.ports import EnginePort
    from peer.rtp.inbound.received_track import ReceivedTrack
    from peer.rtp_parameters import MediaKind, ReceiveParameters
    from peer.times import MonotonicTime
    from peer.trust.level import PeerTrust


class ReceiverControl:
    """Makes an `RtpReceiver` and drives it: start, other parameters, another transport, end.

    Programs get `receiver` only.

    Args:
        kind: Audio or video.
        clock: The monotonic clock of the engine, in seconds.

    Attributes:
        receiver: The receiver as programs see it.
    """

    def __init__(
        self, kind: MediaKind, *, clock: Callable[[], MonotonicTime] = time.monotonic
    ) -> None:
        self._inbound = InboundRtp(kind, clock)
        self.receiver = RtpReceiver(self._inbound)
        self._rtcp_ssrc = 0
        self._stopped = False

    def __repr__(self) -> str:
        return f"<ReceiverControl of {self.receiver!r}{' stopped' if self._stopped else ''}>"

    @property
    def track(self) -> ReceivedTrack:
        """The track of decoded frames."""
        return self._inbound.decoding.track

    @property
    def started(self) -> bool:
        """True from `start` to `stop`."""
        return self._inbound.engine is not None

    @property
    def engine(self) -> EnginePort | None:
        """The RTP engine that packets come from; None before the start and after the end."""
        return self._inbound.engine

    @property
    def parameters(self) -> ReceiveParameters | None:
        """The parameters agreed last; None before the start."""
        return self._inbound.parameters

    def agree(self, parameters: ReceiveParameters) -> None:
        """Note what was negotiated, before the start."""
        self._inbound.agreed = parameters

    def start(self, engine: EnginePort, parameters: ReceiveParameters, rtcp_ssrc: int) -> None:
        """Receive the streams of `parameters`, and send RTCP reports and feedback by `rtcp_ssrc`.

        Raises:
            InvalidStateError: The receiver was started or stopped before.
        """
        if self._stopped or self.started:
            raise InvalidStateError("the receiver was started or stopped before")
        self._rtcp_ssrc = rtcp_ssrc
        self._inbound.start(engine, parameters, rtcp_ssrc)

    def update(self, parameters: ReceiveParameters | None) -> None:
        """Go on with other parameters; None drops packets until there are parameters again.

        Raises:
            InvalidStateError: The receiver was not started.
        """
        if not self.started:
            raise InvalidStateError("the receiver was not started")
        if parameters is None:
            self._inbound.pause()
            return
        self._inbound.resume()
        if parameters != self._inbound.parameters:
            self._inbound.change(parameters, self._rtcp_ssrc)

    def move(self, engine: EnginePort, parameters: ReceiveParameters) -> None:
        """Go on over another transport.

        Raises:
            InvalidStateError: The receiver was not started.
        """
        if not self.started:
            raise InvalidStateError("the receiver was not started")
        self._inbound.move(engine, parameters, self._rtcp_ssrc)

    def verify(self) -> None:
        """Media is known to come from the peer that signalled (`RtpReceiver.verified`)."""
        self._inbound.verified = True

    def comes_from(self, peer: Callable[[], PeerTrust]) -> None:
        """Ask there who sends the media, for `RtpReceiver.peer`."""
        self._inbound.peer = peer

    def disown(self) -> None:
        """Media came from another peer than the one that signalled: drop it, and end the track."""
        self._inbound.disown()

    async def stop(self) -> None:
        """End the tracks and all readers, and release everything; any number of times."""
        self._stopped = True
        self._inbound.stop()
        await self._inbound.decoding.ended()
