"""Checks the structure of SCTP packets (RFC 9260 section 3) before aiortc parses them. PURE.

aiortc trusts the lengths in a packet, and a parameter of length 0 holds it up for ever.
"""

from __future__ import annotations

from struct import Struct

# Size of the common header in bytes (RFC 9260 section 3.1).
_COMMON_HEADER = 12
_CHUNK_HEADER = Struct("!BBH")
_PARAMETER_HEADER = Struct("!HH")
# Chunk types (RFC 9260 section 3.2).
_DATA, _INIT, _INIT_ACK = 0, 1, 2
# Offset of the parameters in a chunk by its type, for the chunks that have some: INIT, INIT ACK,
# HEARTBEAT, HEARTBEAT ACK, ABORT, ERROR and RE-CONFIG (RFC 6525).
_PARAMETERS_AT = {1: 20, 2: 20, 4: 4, 5: 4, 6: 4, 9: 4, 130: 4}
# Size of a DATA chunk without user data in bytes (RFC 9260 section 3.3.1).
_DATA_HEADER = 16
_TAG = Struct("!L")
# Offset of the verification tag in the common header (RFC 9260 section 3.1).
_TAG_AT = 4
_INITIATE_TAG_AT = _COMMON_HEADER + _CHUNK_HEADER.size


def is_well_formed(packet: bytes) -> bool:
    """Tell whether all chunks and parameters lie within the packet and have a possible length.

    The checksum and the meaning of the chunks are left to SCTP.
    """
    position = _COMMON_HEADER
    chunks: list[int] = []
    while position < len(packet):
        chunk_type, length = _header(_CHUNK_HEADER, packet, position, (0, 2))
        end = position + length
        if length < _CHUNK_HEADER.size or end > len(packet):
            return False
        # RFC 9260 section 3.3.1: a DATA chunk without user data is a protocol violation.
        if chunk_type == _DATA and length <= _DATA_HEADER:
            return False
        offset = _PARAMETERS_AT.get(chunk_type)
        if offset is not None and not _parameters_fit(packet, position=position + offset, end=end):
            return False
        chunks.append(chunk_type)
        position = _padded(end)
    # RFC 9260 section 6.10: INIT and INIT ACK are never bundled.
    return bool(chunks) and (len(chunks) == 1 or not {_INIT, _INIT_ACK} & set(chunks))


def verification_tag(packet: bytes) -> int:
    """Read the verification tag of a well-formed packet; 0 in an INIT (RFC 9260 section 8.5.1)."""
    return int(_TAG.unpack_from(packet, _TAG_AT)[0])


def initiate_tag(packet: bytes) -> int | None:
    """Read the initiate tag of an INIT; None where a well-formed packet is no INIT."""
    if packet[_COMMON_HEADER] != _INIT or verification_tag(packet):
        return None
    return int(_TAG.unpack_from(packet, _INITIATE_TAG_AT)[0])


def _parameters_fit(packet: bytes, *, position: int, end: int) -> bool:
    while position < end:
        _, length = _header(_PARAMETER_HEADER, packet[:end], position, (0, 1))
        if length < _PARAMETER_HEADER.size or position + length > end:
            return False
        position = _padded(position + length)
    return True


def _header(
    header: Struct, packet: bytes, position: int, fields: tuple[int, int]
) -> tuple[int, int]:
    if position + header.size > len(packet):
        return -1, 0
    values = header.unpack_from(packet, position)
    return values[fields[0]], values[fields[1]]


def _padded(position: int) -> int:
    # Chunks begin at multiples of four, and so do parameters, as the headers before them do.
    return position + -position % 4
