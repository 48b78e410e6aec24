"""Frames on their way through the pacer, and the sources that write their packets."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from peer.rtp.levels import AudioLevel, MeasuredLevel
    from peer.times import MonotonicTime, UnixTime


class PacketPriority(IntEnum):
    """Order of packets in the pacer: the lowest leaves first."""

    AUDIO = 0
    RETRANSMISSION = 1
    VIDEO = 2


class PacketSource(Protocol):
    """Writes the packets of its frames, some at a time, when the pacer sends them."""

    @property
    def uses_twcc(self) -> bool:
        """True where the packets of this source carry a transport-wide sequence number."""

    def write_packets(
        self,
        frame: OutboundFrame,
        *,
        transport_sequence_number: int,
        now: MonotonicTime,
        room: float,
    ) -> Sequence[bytes]:
        """Write the next packets of a frame, and advance its `position`.

        One packet in any case, and further ones while those before them take up no more than
        `room`. A source may write fewer, where the next ones have another header.

        Args:
            frame: A frame of this source that has packets left.
            transport_sequence_number: Transport-wide sequence number of the first packet, 16 bits.
            now: Time of sending.
            room: Octets that the pacer may still send.
        """

    def on_dropped(self, frames: int, *, needs_keyframe: bool) -> None:
        """Take note of frames of this source that the pacer has dropped.

        Args:
            frames: Number of frames; no packet of them was sent.
            needs_keyframe: Whether later frames cannot be decoded until a new keyframe: no keyframe
                of this source waits behind the dropped ones.
        """


class OutboundFrame:
    """One encoded frame in the pacer; it gets its sequence numbers as its packets are sent.

    Args:
        source: Writes the packets.
        payloads: RTP payloads of the packets, in order; at least one.
        priority: Order in the pacer.
        size: Octets of all packets with their RTP headers, roughly.
        timestamp: RTP timestamp, 32 bits.
        payload_type: 7 bits.
        first_marker: Whether the first packet has the marker bit.
        last_marker: Whether the last packet has the marker bit.
        keyframe: Whether the frame can be decoded by itself.
        level: Audio level for the header extension.
        capture_time: Time of capture for the header extension.
        capture_monotonic: Time of capture by the monotonic clock, for sender reports.
        sequence_number: Sequence number of the first packet, 16 bits, once that is sent; of a
            retransmission, the sequence number of the original packet.

    Attributes:
        position: Index of the next payload to be sent.
        queued: When the pacer took the frame.
        sent: When the last packet so far was sent.
        packets: Packets as they were sent, where they may be sent again as they were; else empty.
    """

    __slots__ = (
        "capture_monotonic",
        "capture_time",
        "first_marker",
        "keyframe",
        "last_marker",
        "level",
        "packets",
        "payload_type",
        "payloads",
        "position",
        "priority",
        "queued",
        "sent",
        "sequence_number",
        "size",
        "source",
        "timestamp",
    )

    def __init__(
        self,
        source: PacketSource,
        payloads: Sequence[bytes],
        *,
        priority: PacketPriority,
        size: int,
        timestamp: int = 0,
        payload_type: int = 0,
        first_marker: bool = False,
        last_marker: bool = False,
        keyframe: bool = True,
        level: AudioLevel | MeasuredLevel | None = None,
        capture_time: UnixTime | None = None,
        capture_monotonic: MonotonicTime | None = None,
        sequence_number: int = 0,
    ) -> None:
        self.source = source
        self.payloads = payloads
        self.priority = priority
        self.size = size
        self.timestamp = timestamp
        self.payload_type = payload_type
        self.first_marker = first_marker
        self.last_marker = last_marker
        self.keyframe = keyframe
        self.level = level
        self.capture_time = capture_time
        self.capture_monotonic = capture_monotonic
        self.sequence_number = sequence_number
        self.position = 0
        self.queued: MonotonicTime = 0.0
        self.sent: MonotonicTime = 0.0
        self.packets: Sequence[bytes] = ()
