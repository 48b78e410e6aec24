"""Owns what a sender asks of the engine of its transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from peer.rtp.engine.ports import EnginePort

if TYPE_CHECKING:
    from peer.rtp.congestion import Share
    from peer.rtp.engine.ports import SenderPort
    from peer.rtp.sending import OutboundFrame, PacketSource


class SendingEngine(EnginePort, Protocol):
    """An engine with a pacer and congestion control, which all its senders share."""

    def send_frame(self, frame: OutboundFrame) -> None:
        """Send a frame as soon as the rate allows; its source may be told that it was not."""

    def discard(self, source: PacketSource) -> None:
        """Forget the frames of a source, without telling it."""

    def set_share(self, port: SenderPort, share: Share | None) -> None:
        """Say what a sender can use of the rate: `on_target` tells it its part, now and later.

        None gives its part to the others, and tells it no more.
        """

    def on_loss(self, fraction: float) -> None:
        """A reception report told the part lost, 0 to 1, since the report before."""

    def on_round_trip(self, seconds: float) -> None:
        """A reception report told the round trip."""
