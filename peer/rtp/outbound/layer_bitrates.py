"""Divides what congestion control allots to a sender among the layers of its simulcast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.alarm import Alarm
from peer.rtp.congestion.layers import (
    LayerShare,
    allocate_layers,
    sender_share,
    waiting_bitrate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.rtp.congestion import Share
    from peer.rtp.engine.ports import ReceiverPort, SenderPort, SendingEngine
    from peer.rtp.rtcp import RtcpPacket
    from peer.rtp_parameters import ReceiveParameters, SendParameters
    from peer.times import MonotonicTime, Seconds

#: Seconds between two looks whether padding is needed (ours).
PADDING_INTERVAL = 0.05


class LayerBitrates:
    """Stands between the layers of one sender and the engine, for which they are one sender.

    The methods of the engine that layers call for each frame are the engine's own.

    A path is known to take only what was sent over it. Where pictures need less than is allotted,
    and a layer waits for more, padding makes up for the difference, as libwebrtc has it.

    Args:
        engine: RTP engine of the transport.
        pad: Sends padding of so many octets at a time, in the layer that is the best for it, and
            returns the octets that the layers have sent since the beginning.
    """

    def __init__(self, engine: SendingEngine, pad: Callable[[int], int]) -> None:
        self.clock = engine.clock
        self.send_frame = engine.send_frame
        self.discard = engine.discard
        self.on_loss = engine.on_loss
        self.on_round_trip = engine.on_round_trip
        self._engine = engine
        self._pad = pad
        self._shares: dict[SenderPort, LayerShare] = {}
        self._given: dict[SenderPort, int] = {}
        self._target: int | None = None
        self._padding_rate = 0
        self._sent = 0
        self._alarm = Alarm(engine.clock, self._on_time)

    def __repr__(self) -> str:
        """Show what the layers have, in bits/s."""
        given = [self._given.get(port, 0) for port in self._shares]
        return f"<LayerBitrates {given} of {self._target} padding={self._padding_rate}>"

    @property
    def round_trip_time(self) -> Seconds | None:
        """Round-trip time of the transport, in seconds; None before the first measurement."""
        return self._engine.round_trip_time

    def send_rtcp(self, packets: Sequence[RtcpPacket]) -> bool:
        """Send RTCP of a layer."""
        return self._engine.send_rtcp(packets)

    def add_receiver(self, port: ReceiverPort, parameters: ReceiveParameters) -> None:
        """Route the streams of a receiver."""
        self._engine.add_receiver(port, parameters)

    def remove_receiver(self, port: ReceiverPort) -> None:
        """Route nothing to a receiver."""
        self._engine.remove_receiver(port)

    def add_sender(
        self, port: SenderPort, parameters: SendParameters, ssrcs: tuple[int, ...]
    ) -> None:
        """Route RTCP about the streams of a layer to it."""
        self._engine.add_sender(port, parameters, ssrcs)

    def remove_sender(self, port: SenderPort) -> None:
        """Route nothing to a layer any more."""
        self._engine.remove_sender(port)

    def set_share(self, port: SenderPort, share: Share | None) -> None:
        """Set the claim of a layer; None for one that pauses."""
        if isinstance(share, LayerShare):
            self._shares[port] = share
        else:
            self._shares.pop(port, None)
            self._given.pop(port, None)
        shares = list(self._shares.values())
        self._engine.set_share(self, sender_share(shares) if shares else None)
        # The share of all may be what it was: then the engine tells nothing.
        self._divide()

    def on_rtcp(self, packet: RtcpPacket, arrival: MonotonicTime) -> None:
        """Ignore RTCP, which goes to the layers."""

    def on_target(self, bps: int) -> None:
        """Divide another bitrate, in bits/s."""
        self._target = bps
        self._divide()

    def on_payload_limit(self, octets: int) -> None:
        """Have each layer cut its frames into other sizes."""
        for port in tuple(self._shares):
            port.on_payload_limit(octets)

    def stop(self) -> None:
        """Give the share of all layers back."""
        self._alarm.cancel()
        self._shares.clear()
        self._engine.set_share(self, None)

    def _divide(self) -> None:
        if self._target is None:
            return
        ports, shares = list(self._shares), list(self._shares.values())
        sent = [self._given.get(port, 0) > 0 for port in ports]
        given = allocate_layers(self._target, shares, sent)
        for port, bitrate in zip(ports, given, strict=True):
            if port in self._shares and self._given.get(port) != bitrate:
                self._given[port] = bitrate
                port.on_target(bitrate)
        waiting = waiting_bitrate(shares, given) if shares else None
        self._padding_rate = 0 if waiting is None else min(self._target, waiting)
        if self._padding_rate and self._alarm.deadline is None:
            self._sent = self._pad(0)
            self._alarm.set(self.clock() + PADDING_INTERVAL)

    def _on_time(self, now: MonotonicTime) -> None:
        if not self._padding_rate:
            return
        self._alarm.set(now + PADDING_INTERVAL)
        wanted = round(self._padding_rate * PADDING_INTERVAL / 8)
        sent = self._pad(0)
        missing = wanted - (sent - self._sent)
        # A large picture is no reason to send nothing for a while: octets are not saved up.
        self._sent = sent if missing <= 0 else self._pad(missing)
