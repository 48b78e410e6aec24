"""Owns the record of what arrived when, for the sender's congestion control."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.rtcp import TransportFeedback


class ArrivalRecorder:
    """Makes transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).

    Args:
        sender_ssrc: Of us in the feedback.

    Attributes:
        deadline: When `feedback` is to be called and sent; None while there is nothing to tell.
    """

    def __init__(self, sender_ssrc: int) -> None:
        self.sender_ssrc = sender_ssrc
        self.deadline: float | None = None
        raise NotImplementedError

    def record(self, number: int, ssrc: int, arrival: float) -> bool:
        """Note a packet's transport-wide number, 16 bits; True when feedback is due at once."""
        raise NotImplementedError

    def feedback(self) -> tuple[TransportFeedback, ...]:
        """All that was not yet told; mostly one, and several where the numbers jumped."""
        raise NotImplementedError
