"""Reads and writes DATA_CHANNEL_OPEN of the data channel protocol (RFC 8832). PURE."""

from __future__ import annotations

from dataclasses import field
from enum import IntEnum
from struct import Struct

from peer.priority import Priority
from peer.values import dataclass

# Header of DATA_CHANNEL_OPEN: message type, channel type, priority, reliability parameter, label
# length, protocol length (RFC 8832 section 5.1).
_HEADER = Struct("!BBHLHH")
# Greatest value of each priority, and the one that is sent (RFC 8831 section 6.4; W3C
# webrtc-priority section 5: values between belong to the next greater one).
_PRIORITIES = {
    Priority.VERY_LOW: 128,
    Priority.LOW: 256,
    Priority.MEDIUM: 512,
    Priority.HIGH: 1024,
}


class MessageType(IntEnum):
    """Message type of DCEP, its first byte (RFC 8832 section 8.2.1)."""

    ACK = 2
    OPEN = 3


class _Limit(IntEnum):
    """Partial reliability in the low bits of a channel type (RFC 8832 section 8.2.2)."""

    NONE = 0
    RETRANSMITS = 1
    LIFE_TIME = 2


# High bit of a channel type: unordered delivery (RFC 8832 section 8.2.2).
_UNORDERED = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChannelOpen:
    """Contents of a DATA_CHANNEL_OPEN message (RFC 8832 section 5.1).

    Args:
        label: Name of the channel, at most 65535 bytes in UTF-8.
        protocol: Subprotocol of the channel, at most 65535 bytes in UTF-8.
        ordered: Whether messages arrive in order.
        max_packet_life_time: Milliseconds within which a message is retransmitted, or None.
        max_retransmits: Bound on the retransmissions of a message, or None.
        priority: Relative priority; two that differ in nothing else announce the same channel.
    """

    label: str
    protocol: str = ""
    ordered: bool = True
    max_packet_life_time: int | None = None
    max_retransmits: int | None = None
    priority: Priority = field(default=Priority.LOW, compare=False)

    def encode(self) -> bytes:
        """Encode the message as bytes."""
        label, protocol = self.label.encode(), self.protocol.encode()
        limit, reliability = self._reliability()
        kind = limit if self.ordered else limit | _UNORDERED
        header = _HEADER.pack(
            MessageType.OPEN,
            kind,
            _PRIORITIES[self.priority],
            reliability,
            len(label),
            len(protocol),
        )
        return header + label + protocol

    def _reliability(self) -> tuple[_Limit, int]:
        if self.max_retransmits is not None:
            return _Limit.RETRANSMITS, self.max_retransmits
        if self.max_packet_life_time is not None:
            return _Limit.LIFE_TIME, self.max_packet_life_time
        return _Limit.NONE, 0


def is_data_channel_open(message: bytes) -> bool:
    """Tell whether a DCEP message has the type DATA_CHANNEL_OPEN."""
    return message[:1] == bytes([MessageType.OPEN])


def parse_data_channel_open(message: bytes) -> DataChannelOpen | None:
    """Parse a DATA_CHANNEL_OPEN message; None where it is malformed or of another type."""
    if not is_data_channel_open(message) or len(message) < _HEADER.size:
        return None
    _, kind, priority, reliability, label_size, protocol_size = _HEADER.unpack_from(message)
    limit = kind & ~_UNORDERED
    texts = message[_HEADER.size :]
    end = label_size + protocol_size
    if limit not in set(_Limit) or len(texts) < end:
        return None
    return DataChannelOpen(
        # aiortc counts characters where bytes are to be counted, and so may cut one in two.
        label=texts[:label_size].decode(errors="replace"),
        protocol=texts[label_size:end].decode(errors="replace"),
        ordered=not kind & _UNORDERED,
        max_packet_life_time=reliability if limit == _Limit.LIFE_TIME else None,
        max_retransmits=reliability if limit == _Limit.RETRANSMITS else None,
        priority=_priority(priority),
    )


def _priority(value: int) -> Priority:
    return next((each for each, most in _PRIORITIES.items() if value <= most), Priority.HIGH)
