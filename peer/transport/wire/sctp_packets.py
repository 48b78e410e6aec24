"""Checks the structure of SCTP packets (RFC 9260 section 3) before they are read. PURE.

Whoever reads them may trust the lengths in them.
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


def split_chunks(packet: bytes) -> list[tuple[int, int, int, int]]:
    """Split a packet into its chunks; empty where one does not fit or has an impossible length.

    The checksum and the meaning of the chunks are left to SCTP.

    Returns:
        For each chunk its type, its flags, and where its value begins and ends in the packet.
    """
    size = len(packet)
    position = _COMMON_HEADER
    chunks: list[tuple[int, int, int, int]] = []
    while position < size:
        if position + 4 > size:
            return []
        kind, flags, length = _CHUNK_HEADER.unpack_from(packet, position)
        end = position + length
        if length < 4 or end > size:
            return []
        if kind == _DATA:
            # RFC 9260 section 3.3.1: a DATA chunk without user data is a protocol violation.
            if length <= _DATA_HEADER:
                return []
        elif (offset := _PARAMETERS_AT.get(kind)) is not None and not _parameters_fit(
            packet, position=position + offset, end=end
        ):
            return []
        chunks.append((kind, flags, position + 4, end))
        # Chunks begin at multiples of four.
        position = end + (-end & 3)
    # RFC 9260 section 6.10: INIT and INIT ACK are never bundled.
    if len(chunks) > 1 and any(kind in (_INIT, _INIT_ACK) for kind, _, _, _ in chunks):
        return []
    return chunks


def is_well_formed(packet: bytes) -> bool:
    """Tell whether all chunks and parameters lie within the packet and have a possible length."""
    return bool(split_chunks(packet))


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
