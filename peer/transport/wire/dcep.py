"""Owns the announcement of a data channel (RFC 8832 section 5.1). PURE."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

_HEADER = Struct("!BBHLHH")
_PRIORITY = 0


class MessageType(IntEnum):
    """The first byte of a message (RFC 8832 section 8.2.1)."""

    ACK = 2
    OPEN = 3


class _Limit(IntEnum):
    """The low bits of a channel type (RFC 8832 section 8.2.2)."""

    NONE = 0
    RETRANSMITS = 1
    LIFE_TIME = 2


_UNORDERED = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What a DATA_CHANNEL_OPEN says of its channel."""

    label: str
    protocol: str = ""
    ordered: bool = True
    max_packet_life_time: int | None = None
    max_retransmits: int | None = None

    def encode(self) -> bytes:
        """The message."""
        label, protocol = self.label.encode(), self.protocol.encode()
        limit, reliability = self._reliability()
        kind = limit if self.ordered else limit | _UNORDERED
        header = _HEADER.pack(
            MessageType.OPEN, kind, _PRIORITY, reliability, len(label), len(protocol)
        )
        return header + label + protocol

    def _reliability(self) -> tuple[_Limit, int]:
        if self.max_retransmits is not None:
            return _Limit.RETRANSMITS, self.max_retransmits
        if self.max_packet_life_time is not None:
            return _Limit.LIFE_TIME, self.max_packet_life_time
        return _Limit.NONE, 0


def is_announcement(message: bytes) -> bool:
    """Whether it claims to be one."""
    return message[:1] == bytes([MessageType.OPEN])


def decode(message: bytes) -> Announcement | None:
    """Read a DATA_CHANNEL_OPEN; None where it is none."""
    if not is_announcement(message) or len(message) < _HEADER.size:
        return None
    _, kind, _, reliability, label_size, protocol_size = _HEADER.unpack_from(message)
    limit = kind & ~_UNORDERED
    texts = message[_HEADER.size :]
    end = label_size + protocol_size
    if limit not in set(_Limit) or len(texts) < end:
        return None
    return Announcement(
        # aiortc counts characters where bytes are to be counted, and so may cut one in two.
        label=texts[:label_size].decode(errors="replace"),
        protocol=texts[label_size:end].decode(errors="replace"),
        ordered=not kind & _UNORDERED,
        max_packet_life_time=reliability if limit == _Limit.LIFE_TIME else None,
        max_retransmits=reliability if limit == _Limit.RETRANSMITS else None,
    )
