"""History of sent RTP packets of one stream, for retransmission. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp.sending.outbound_frame import OutboundFrame
    from peer.times import MonotonicTime

#: Packets kept (ours): one second of 20 Mbit/s. A power of two, so that an index is some bits of
#: the sequence number.
HISTORY_PACKETS = 2048
#: Seconds that packets are kept (ours): a later retransmission is of no use to the receiver.
HISTORY_SECONDS = 2.0

_MASK = HISTORY_PACKETS - 1
#: Mask of 16 bits: RTP sequence numbers.
_SEQUENCE_MASK = 0xFFFF


class RtpPacketHistory:
    """Finds the payload of a sent packet by its sequence number.

    The history holds frames, not packets: their payloads are shared by all peers that a track is
    sent to.
    """

    __slots__ = ("_frames", "_kept", "_next")

    def __init__(self) -> None:
        self._frames: list[OutboundFrame | None] = [None] * HISTORY_PACKETS
        # Index of the next packet, and how many indices before it may be in use.
        self._next = 0
        self._kept = 0

    def add(self, frame: OutboundFrame, *, sequence_number: int, packets: int) -> None:
        """Keep packets of a frame, in place of those sent `HISTORY_PACKETS` before.

        Args:
            frame: Frame of the packets; its `sequence_number`, `position` and `sent` are read
                later.
            sequence_number: Sequence number of the first packet, 16 bits; the others follow.
            packets: Number of packets.
        """
        index = sequence_number & _MASK
        kept = self._kept + packets
        # After a gap in the numbers, older packets may be anywhere between.
        anywhere = kept > HISTORY_PACKETS or index != self._next
        self._kept = HISTORY_PACKETS if anywhere else kept
        end = index + packets
        self._next = end & _MASK
        if end <= HISTORY_PACKETS:
            self._frames[index:end] = [frame] * packets
        else:
            for each in range(index, end):
                self._frames[each & _MASK] = frame

    def find(self, sequence_number: int, *, now: MonotonicTime) -> tuple[OutboundFrame, int] | None:
        """Return the frame of a packet and the index of its payload; None once it is not kept."""
        frame = self._frames[sequence_number & _MASK]
        if frame is None:
            return None
        position = (sequence_number - frame.sequence_number) & _SEQUENCE_MASK
        if position >= frame.position or now - frame.sent > HISTORY_SECONDS:
            return None
        return frame, position

    def prune(self, now: MonotonicTime) -> None:
        """Release packets older than `HISTORY_SECONDS`; to be called now and then."""
        frames = self._frames
        oldest = now - HISTORY_SECONDS
        while self._kept:
            index = (self._next - self._kept) & _MASK
            frame = frames[index]
            if frame is not None and frame.sent >= oldest:
                return
            frames[index] = None
            self._kept -= 1

    def clear(self) -> None:
        """Release all packets, for example when the payload type changes."""
        self._frames = [None] * HISTORY_PACKETS
        self._kept = 0
