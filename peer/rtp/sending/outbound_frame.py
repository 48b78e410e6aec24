"""Owns `OutboundFrame`: payloads on their way through the pacer, not yet packets."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from peer.rtp.levels import AudioLevel


class PacketPriority(IntEnum):
    """What goes first where not everything can go at once."""

    SOUND = 0
    REPAIR = 1
    PICTURE = 2


class PacketSource(Protocol):
    """Who makes the packets of a frame, some at a time, when their turn to be sent has come."""

    @property
    def numbered(self) -> bool:
        """Whether its packets carry a transport-wide sequence number."""

    def write(self, frame: OutboundFrame, number: int, now: float, room: float) -> Sequence[bytes]:
        """The next packets of the frame, whose `position` moves on.

        One in any case, and further ones as long as those before it take up no more than `room`.
        Fewer may come, where the next ones are made in another way.

        Args:
            frame: One of this source's own that is not yet at its end.
            number: The transport-wide sequence number of the first, 16 bits.
            now: In seconds of the clock that every time here is of.
            room: In octets.
        """

    def on_dropped(self, frames: int, *, broken: bool) -> None:
        """Frames of it will not be sent.

        Args:
            frames: How many; none of them had begun.
            broken: Whether no key frame of it waits behind them.
        """


class OutboundFrame:
    """What the pacer takes, holds and sends. It gets its sequence numbers packet by packet.

    Args:
        source: Makes the packets.
        payloads: Of the packets, in order; at least one.
        urgency: Decides what it goes before.
        size: Octets of all the packets with their RTP headers, roughly.
        timestamp: Of RTP, 32 bits.
        payload_type: 7 bits.
        first_marker: Whether the first packet has the marker.
        last_marker: Whether the last packet has the marker.
        keyframe: Whether it can be decoded by itself.
        level: How loud it is, for the header extension.
        capture_time: When it was captured in seconds since 1970, for the header extension.
        captured: The same in seconds of the monotonic clock.
        sequence: Of its first packet, 16 bits, once that is sent. Of a repair, the one that the
            packet had.

    Attributes:
        position: The index of the payload to send next.
        queued: When the pacer took it.
        sent: When what was sent of it was sent.
    """

    __slots__ = (
        "capture_time",
        "captured",
        "first_marker",
        "keyframe",
        "last_marker",
        "level",
        "payload_type",
        "payloads",
        "position",
        "queued",
        "sent",
        "sequence",
        "size",
        "source",
        "timestamp",
        "urgency",
    )

    def __init__(
        self,
        source: PacketSource,
        payloads: Sequence[bytes],
        *,
        urgency: PacketPriority,
        size: int,
        timestamp: int = 0,
        payload_type: int = 0,
        first_marker: bool = False,
        last_marker: bool = False,
        keyframe: bool = True,
        level: AudioLevel | None = None,
        capture_time: float | None = None,
        captured: float | None = None,
        sequence: int = 0,
    ) -> None:
        self.source = source
        self.payloads = payloads
        self.urgency = urgency
        self.size = size
        self.timestamp = timestamp
        self.payload_type = payload_type
        self.first_marker = first_marker
        self.last_marker = last_marker
        self.keyframe = keyframe
        self.level = level
        self.capture_time = capture_time
        self.captured = captured
        self.sequence = sequence
        self.position = 0
        self.queued = 0.0
        self.sent = 0.0
