"""Owns the receiver's own estimate of what the way to it can carry, for peers that obey REMB."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.rtcp import ReceiverEstimatedMaximumBitrate


class RembEstimator:
    """Says how fast the peer may send, by the `abs-send-time` of its packets.

    Args:
        sender_ssrc: Of us in the feedback.
    """

    def __init__(self, sender_ssrc: int) -> None:
        self.sender_ssrc = sender_ssrc
        raise NotImplementedError

    def receive(
        self, ssrc: int, send_time: bytes, size: int, arrival: float
    ) -> ReceiverEstimatedMaximumBitrate | None:
        """Take a packet; gives what to tell the peer where that is due.

        Args:
            ssrc: Of its stream.
            send_time: The element `abs-send-time` as it came; a wrong length is ignored.
            size: Octets of the packet.
            arrival: In seconds.
        """
        raise NotImplementedError
