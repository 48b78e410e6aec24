"""Owns `TransportCongestion`: how fast one transport may send."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.congestion.allocation import Share
    from peer.rtp.rtcp import TransportFeedback

#: Bits a second.
INITIAL_BITRATE = 300_000
MINIMUM_BITRATE = 30_000
MAXIMUM_BITRATE = 30_000_000


class TransportCongestion:
    """The send rate of one transport, from all that the peer tells (draft-ietf-rmcat-gcc-02).

    Args:
        initial: Bits a second, before the peer has told anything.
        minimum: The target is never below.
        maximum: The target is never above.

    Attributes:
        next_number: The transport-wide sequence number for the packet to be sent next.
        target: How fast to send, in bits a second of RTP packets.
        round_trip_time: In seconds, as measured last; None before.
    """

    def __init__(
        self,
        *,
        initial: int = INITIAL_BITRATE,
        minimum: int = MINIMUM_BITRATE,
        maximum: int = MAXIMUM_BITRATE,
    ) -> None:
        self.next_number = 0
        self.target = initial
        self.round_trip_time: float | None = None
        raise NotImplementedError

    def on_sent(self, number: int, size: int, now: float) -> None:
        """A packet with `next_number` was sent, of so many octets."""
        raise NotImplementedError

    def on_feedback(self, feedback: TransportFeedback, now: float) -> None:
        """The peer told what arrived when."""
        raise NotImplementedError

    def on_remb(self, bitrate: int) -> None:
        """The peer believes it can take so much, in bits a second; holds until it says other."""
        raise NotImplementedError

    def on_loss(self, fraction: float, now: float) -> None:
        """A reception report told the part lost, 0 to 1, of one stream since the report before.

        Ignored while transport-wide feedback tells more.
        """
        raise NotImplementedError

    def on_round_trip(self, seconds: float) -> None:
        """A reception report told the round trip."""
        raise NotImplementedError

    def set_maximum(self, bitrate: int) -> None:
        """The target is never above this from now on, for example the sum of every maxBitrate."""
        raise NotImplementedError

    def allocate(self, shares: Sequence[Share]) -> tuple[int, ...]:
        """The target divided among senders, in their order."""
        raise NotImplementedError
