"""The protocols between the RTP engine of a transport, its receivers and its senders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from peer.rtp.congestion import Share
    from peer.rtp.packet import RtpPacket
    from peer.rtp.rtcp import ReceptionReport, RtcpPacket
    from peer.rtp.sending import OutboundFrame, PacketSource
    from peer.rtp_parameters import ReceiveParameters, SendParameters
    from peer.times import MonotonicTime, Seconds


class ReceiverPort(Protocol):
    """The calls of the engine to a receiver; none of them raises or waits."""

    def on_rtp(
        self, packet: RtpPacket, elements: Mapping[int, bytes], arrival: MonotonicTime
    ) -> None:
        """Take a packet that was routed here, with its header extensions by id.

        Args:
            packet: Parsed; RTX and telephone events come here as well.
            elements: Its header extension elements by id.
            arrival: Arrival of the packet by the engine's clock.
        """

    def on_rtcp(self, packet: RtcpPacket, arrival: MonotonicTime) -> None:
        """Take one part of a compound packet that is about a stream of this receiver."""

    def reports(self, now: MonotonicTime) -> tuple[ReceptionReport, ...]:
        """Reception reports for the peer, at most one for each stream, each time RTCP is due."""


class SenderPort(Protocol):
    """The calls of the engine to a sender; none of them raises or waits."""

    def on_rtcp(self, packet: RtcpPacket, arrival: MonotonicTime) -> None:
        """Take one part of a compound packet that is about a stream of this sender."""

    def on_target(self, bps: int) -> None:
        """Send no faster than this, in bits a second."""

    def on_payload_limit(self, octets: int) -> None:
        """Send RTP payloads of no more octets: larger packets do not get through."""


class EnginePort(Protocol):
    """The requests of a receiver or sender to the engine of its transport."""

    @property
    def round_trip_time(self) -> Seconds | None:
        """Round-trip time of the transport, in seconds; None before the first measurement."""

    def clock(self) -> MonotonicTime:
        """The monotonic clock, in seconds, that every `arrival` and `now` is read from."""

    def send_rtcp(self, packets: Sequence[RtcpPacket]) -> bool:
        """Send feedback in one compound packet; False where the transport could not take it."""

    def add_receiver(self, port: ReceiverPort, parameters: ReceiveParameters) -> None:
        """Route the streams of these parameters to the receiver, instead of those before."""

    def remove_receiver(self, port: ReceiverPort) -> None:
        """Route nothing to the receiver any more; nothing happens where it is not known."""

    def add_sender(
        self, port: SenderPort, parameters: SendParameters, ssrcs: tuple[int, ...]
    ) -> None:
        """Route RTCP about these streams to the sender, instead of those before."""

    def remove_sender(self, port: SenderPort) -> None:
        """Route nothing to the sender any more; nothing happens where it is not known."""


class SendingEngine(EnginePort, Protocol):
    """An engine with a pacer and congestion control, which all its senders share."""

    def send_frame(self, frame: OutboundFrame) -> None:
        """Send a frame as soon as the rate allows; its source may be told that it was not."""

    def discard(self, source: PacketSource) -> None:
        """Forget the frames of a source, without telling it."""

    def set_share(self, port: SenderPort, share: Share | None) -> None:
        """Set how much of the transport's rate a sender can use.

        `on_target` tells the sender its part, now and later. None gives its part to the others, and
        tells it no more.
        """

    def on_loss(self, fraction: float) -> None:
        """Take the share of packets lost, 0 to 1, of a reception report, since the one before."""

    def on_round_trip(self, seconds: Seconds) -> None:
        """Take the round-trip time of a reception report, in seconds."""
