"""Owns what was sent of a stream, for as long as it may have to be sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.sending.outbound import OutboundFrame

#: Packets; a second of 20 Mbit/s. A power of two, so that a place is some bits of the number.
HISTORY_PACKETS = 2048
#: Seconds. Who asks later can do nothing with the answer any more.
HISTORY_SECONDS = 2.0

_MASK = HISTORY_PACKETS - 1


class SentHistory:
    """The latest packets of a stream, by sequence number.

    Not the packets are kept but where their payloads are: these are shared by all the peers that
    a track goes to.
    """

    __slots__ = ("_frames", "_positions", "_sequences", "_times")

    def __init__(self) -> None:
        self._frames: list[OutboundFrame | None] = [None] * HISTORY_PACKETS
        self._positions = [0] * HISTORY_PACKETS
        self._sequences = [0] * HISTORY_PACKETS
        self._times = [0.0] * HISTORY_PACKETS

    def add(self, sequence: int, frame: OutboundFrame, position: int, now: float) -> None:
        """Keep a packet, in the place of the one sent so many packets before.

        Args:
            sequence: 16 bits, one more than that of the packet added before.
            frame: That it is of.
            position: Of its payload in the frame.
            now: When it is sent.
        """
        place = sequence & _MASK
        self._frames[place] = frame
        self._positions[place] = position
        self._sequences[place] = sequence
        self._times[place] = now

    def find(self, sequence: int, now: float) -> tuple[OutboundFrame, int] | None:
        """The frame and the position of a payload; None where it is not kept any more."""
        place = sequence & _MASK
        frame = self._frames[place]
        if frame is None or self._sequences[place] != sequence:
            return None
        if now - self._times[place] > HISTORY_SECONDS:
            return None
        return frame, self._positions[place]

    def prune(self, now: float) -> None:
        """Let go of all that is too old; to be called now and then."""
        frames, times = self._frames, self._times
        oldest = now - HISTORY_SECONDS
        for place in range(HISTORY_PACKETS):
            if frames[place] is not None and times[place] < oldest:
                frames[place] = None

    def clear(self) -> None:
        """Let go of everything."""
        self._frames = [None] * HISTORY_PACKETS
