"""Owns what the RTP engine of a transport, its receivers and its senders know of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from peer.rtp.congestion import Share
    from peer.rtp.packet import RtpPacket
    from peer.rtp.rtcp import ReceptionReport, RtcpPacket
    from peer.rtp.sending import OutboundFrame, PacketSource
    from peer.rtp_parameters import ReceiveParameters, SendParameters


class ReceiverPort(Protocol):
    """What the engine calls when something concerns a receiver; nothing here raises or waits."""

    def on_rtp(self, packet: RtpPacket, elements: Mapping[int, bytes], arrival: float) -> None:
        """Take a packet that was routed here, with its header extensions by id.

        Args:
            packet: Parsed; RTX and telephone events come here as well.
            elements: What its header extensions carry.
            arrival: In seconds of the engine's clock.
        """

    def on_rtcp(self, packet: RtcpPacket, arrival: float) -> None:
        """Take one part of a compound packet that is about a stream of this receiver."""

    def reports(self, now: float) -> tuple[ReceptionReport, ...]:
        """What to tell the peer about its streams, at most one for each, each time RTCP is due."""


class SenderPort(Protocol):
    """What the engine calls when something concerns a sender; nothing here raises or waits."""

    def on_rtcp(self, packet: RtcpPacket, arrival: float) -> None:
        """Take one part of a compound packet that is about a stream of this sender."""

    def on_target(self, bps: int) -> None:
        """Send no faster than this, in bits a second."""


class EnginePort(Protocol):
    """What a receiver or sender asks of the engine of its transport.

    Whoever also needs the transport's pacer and congestion control extends this protocol.
    """

    @property
    def round_trip_time(self) -> float | None:
        """Of the transport, in seconds, as last measured; None before the first measurement."""

    def clock(self) -> float:
        """The monotonic clock, in seconds, that every `arrival` and `now` is read from."""

    def send_rtcp(self, packets: Sequence[RtcpPacket]) -> bool:
        """Send feedback in one compound packet; False where the transport could not take it."""

    def add_receiver(self, port: ReceiverPort, parameters: ReceiveParameters) -> None:
        """Route to the receiver what these parameters describe, instead of what others did."""

    def remove_receiver(self, port: ReceiverPort) -> None:
        """Route nothing to the receiver any more; nothing happens where it is not known."""

    def add_sender(
        self, port: SenderPort, parameters: SendParameters, ssrcs: tuple[int, ...]
    ) -> None:
        """Route RTCP about these streams to the sender, instead of what went there before."""

    def remove_sender(self, port: SenderPort) -> None:
        """Route nothing to the sender any more; nothing happens where it is not known."""


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
