"""Redundant audio data (RED, RFC 2198): packets that carry copies of those before. PURE."""

from __future__ import annotations

from collections import deque

from peer.rtp.malformed import MalformedError
from peer.values import dataclass

#: Limit of the blocks of a packet (libwebrtc: 32).
BLOCK_LIMIT = 32
#: Copies in a packet that we send (libwebrtc: 1).
COPIES = 1
#: A block's timestamp offset has 14 bits, and its length 10 (RFC 2198 section 3).
_OFFSET_LIMIT, _LENGTH_LIMIT = 1 << 14, 1 << 10
#: Bit of a block header behind which another block header follows.
_FOLLOWED = 0x80
_TIMESTAMPS = 1 << 32


@dataclass(frozen=True, slots=True)
class RedBlock:
    """One block of a packet of redundant audio.

    Args:
        payload_type: Payload type of the data.
        offset: Ticks by which its timestamp is before that of the packet; 0 for the primary block.
        payload: A payload of that type.
    """

    payload_type: int
    offset: int
    payload: bytes


def split_red(payload: bytes) -> tuple[RedBlock, ...]:
    """Read the blocks of a RED payload, the primary one last.

    Raises:
        MalformedError: A header or block is cut off, or there are too many blocks.
    """
    headers: list[tuple[int, int, int]] = []
    at = 0
    while True:
        if at >= len(payload):
            raise MalformedError("RED payload ends before its primary block header", at)
        first = payload[at]
        if not first & _FOLLOWED:
            break
        if at + 4 > len(payload):
            raise MalformedError("RED block header is cut off", at)
        if len(headers) == BLOCK_LIMIT - 1:
            raise MalformedError(f"RED payload has more than {BLOCK_LIMIT} blocks", at)
        rest = int.from_bytes(payload[at + 1 : at + 4], "big")
        headers.append((first & 0x7F, rest >> 10, rest & (_LENGTH_LIMIT - 1)))
        at += 4
    primary = payload[at] & 0x7F
    at += 1
    blocks: list[RedBlock] = []
    for payload_type, offset, length in headers:
        if at + length > len(payload):
            raise MalformedError("RED block is longer than its payload", at)
        blocks.append(RedBlock(payload_type, offset, payload[at : at + length]))
        at += length
    blocks.append(RedBlock(primary, 0, payload[at:]))
    return tuple(blocks)


class RedWriter:
    """Puts a copy of the packet before into each packet of one stream.

    Args:
        payload_type: Payload type of the data.
        copies: Packets before that are copied into each.
        limit: Largest payload in octets: a copy that does not fit is left out.
    """

    def __init__(self, payload_type: int, *, limit: int, copies: int = COPIES) -> None:
        self._payload_type = payload_type
        self._limit = limit
        self._sent: deque[tuple[int, bytes]] = deque(maxlen=copies)

    def write(self, payload: bytes, timestamp: int) -> bytes:
        """Make the RED payload of the next packet.

        Args:
            payload: The packet's own data.
            timestamp: In ticks of the codec's clock; it may exceed 32 bits.
        """
        size = 1 + len(payload)
        headers, copies = bytearray(), bytearray()
        for sent, copy in reversed(self._sent):
            offset = (timestamp - sent) % _TIMESTAMPS
            size += 4 + len(copy)
            # RFC 2198 section 3: what does not fit the fields of the header cannot be sent.
            if not 0 < offset < _OFFSET_LIMIT or len(copy) >= _LENGTH_LIMIT or size > self._limit:
                break
            # The oldest block is the first.
            header = offset << 10 | len(copy)
            headers[:0] = bytes((_FOLLOWED | self._payload_type,)) + header.to_bytes(3, "big")
            copies[:0] = copy
        self._sent.append((timestamp, payload))
        return bytes(headers) + bytes((self._payload_type,)) + bytes(copies) + payload
