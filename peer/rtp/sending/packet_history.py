"""Owns what was sent of a stream, for as long as it may have to be sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.sending.outbound_frame import OutboundFrame

#: Packets; a second of 20 Mbit/s. A power of two, so that a place is some bits of the number.
HISTORY_PACKETS = 2048
#: Seconds. Who asks later can do nothing with the answer any more.
HISTORY_SECONDS = 2.0

_MASK = HISTORY_PACKETS - 1
_NUMBERS = 0xFFFF


class RtpPacketHistory:
    """The latest packets of a stream, by sequence number.

    Not the packets are kept but their frames, whose payloads are shared by all the peers that a
    track goes to.
    """

    __slots__ = ("_frames", "_kept", "_next")

    def __init__(self) -> None:
        self._frames: list[OutboundFrame | None] = [None] * HISTORY_PACKETS
        # The place for the next packet, and how many before it may be taken.
        self._next = 0
        self._kept = 0

    def add(self, frame: OutboundFrame, sequence: int, packets: int) -> None:
        """Keep packets, in the places of those sent so many packets before.

        Args:
            frame: That they are of; its `sequence`, `position` and `sent` are looked at later.
            sequence: Of the first, 16 bits; the others have the numbers after that.
            packets: How many.
        """
        place = sequence & _MASK
        kept = self._kept + packets
        # Numbers that nothing was kept of leave older packets between these and those before.
        whole = kept > HISTORY_PACKETS or place != self._next
        self._kept = HISTORY_PACKETS if whole else kept
        end = place + packets
        self._next = end & _MASK
        if end <= HISTORY_PACKETS:
            self._frames[place:end] = [frame] * packets
        else:
            for each in range(place, end):
                self._frames[each & _MASK] = frame

    def find(self, sequence: int, now: float) -> tuple[OutboundFrame, int] | None:
        """The frame and the position of a payload; None where it is not kept any more."""
        frame = self._frames[sequence & _MASK]
        if frame is None:
            return None
        position = (sequence - frame.sequence) & _NUMBERS
        if position >= frame.position or now - frame.sent > HISTORY_SECONDS:
            return None
        return frame, position

    def prune(self, now: float) -> None:
        """Let go of all that is too old; to be called now and then."""
        frames = self._frames
        oldest = now - HISTORY_SECONDS
        while self._kept:
            place = (self._next - self._kept) & _MASK
            frame = frames[place]
            if frame is not None and frame.sent >= oldest:
                return
            frames[place] = None
            self._kept -= 1

    def clear(self) -> None:
        """Let go of everything."""
        self._frames = [None] * HISTORY_PACKETS
        self._kept = 0
