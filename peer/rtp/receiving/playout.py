"""Owns `Playout`: how long frames wait in front of the decoder, so that they go on evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.receiving.statistics import PlayoutStatistics


class Playout:
    """Frames in, in order; out at an even pace, with as little delay as the jitter allows. Pure.

    Args:
        limit: In frames; beyond it the oldest is dropped, and the next has `gap`.
    """

    def __init__(self, *, limit: int = 256) -> None:
        raise NotImplementedError

    @property
    def deadline(self) -> float | None:
        """When `pop` gives the next frame; None where there is none."""
        raise NotImplementedError

    @property
    def target(self) -> float:
        """Seconds that a frame waits which came as fast as any."""
        raise NotImplementedError

    @property
    def minimum(self) -> float:
        """Seconds that are waited at least (W3C jitterBufferTarget); 0 to 4, 0 at first."""
        raise NotImplementedError

    @minimum.setter
    def minimum(self, seconds: float) -> None:
        raise NotImplementedError

    @property
    def statistics(self) -> PlayoutStatistics:
        """So far."""
        raise NotImplementedError

    def bound(self, minimum: float, maximum: float) -> None:
        """What the sender asks for by the playout-delay extension, in seconds."""
        raise NotImplementedError

    def push(self, frame: EncodedFrame, now: float) -> None:
        """Take a frame, later than all that were taken before."""
        raise NotImplementedError

    def pop(self, now: float) -> list[EncodedFrame]:
        """Those that are due, the oldest first."""
        raise NotImplementedError

    def clear(self) -> None:
        """Drop what waits, and learn the pace anew."""
        raise NotImplementedError
