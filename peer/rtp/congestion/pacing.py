"""Owns `Pacer`: when each packet of one transport is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.congestion.controller import TransportCongestion
    from peer.rtp.sending.outbound import OutboundFrame, PacketSource


class Pacer:
    """A leaky bucket that sends at 2.5 times the target, in bursts of at most 5 ms.

    Sound goes at once, and before repairs, and these before pictures. What is within the burst
    goes at once without a timer. Frames that waited too long are dropped, oldest first, unless
    they have begun.

    Args:
        congestion: Says how fast, and is told what was sent.
        send: Takes a packet; False where it could not be sent, which is a loss like another.

    Attributes:
        deadline: When `advance` is to be called; None while nothing waits.
        queued_packets: That wait.
        queued_octets: That wait, with their headers.
        dropped_frames: Given up so far.
        refused_packets: That `send` did not take.
    """

    def __init__(self, congestion: TransportCongestion, send: Callable[[bytes], bool]) -> None:
        self.deadline: float | None = None
        self.queued_packets = 0
        self.queued_octets = 0
        self.dropped_frames = 0
        self.refused_packets = 0
        raise NotImplementedError

    def enqueue(self, frame: OutboundFrame, now: float) -> None:
        """Send a frame as soon as the rate allows: its source writes each packet in its turn.

        A source's `on_dropped` may be called for frames before it, or for this one.
        """
        raise NotImplementedError

    def advance(self, now: float) -> None:
        """Send what has become due; look at `deadline` afterwards."""
        raise NotImplementedError

    def discard(self, source: PacketSource) -> None:
        """Forget the frames of a source, without telling it."""
        raise NotImplementedError
