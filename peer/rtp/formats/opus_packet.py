"""Tells whether a packet of Opus has a copy of the one before it (RFC 6716). PURE."""

from __future__ import annotations

#: Least configuration number of packets of CELT alone, which have no copies (RFC 6716 section 3.1).
_CELT = 16
#: Least configuration number of hybrid packets, of 10 or 20 ms (RFC 6716 section 3.1).
_HYBRID = 12
#: Least value of a frame length's first octet that has a second one (RFC 6716 section 3.2.1).
_LONG = 252


def has_copy(packet: bytes) -> bool:
    """Tell whether a packet carries in-band FEC (RFC 6716 section 2.1.7); False for a broken one.

    The flags stand in the first octet of the first SILK frame (RFC 6716 section 4.2.3): one of
    voice activity for each 20 ms, then one for copies; in stereo the same again.
    """
    if not packet or packet[0] >> 3 >= _CELT:
        return False
    at = _first_frame(packet)
    if at is None or at >= len(packet):
        return False
    config = packet[0] >> 3
    # 10, 20, 40 and 60 ms.
    parts = 1 if config >= _HYBRID else max(1, config & 3)
    flags = packet[at]
    if flags >> (7 - parts) & 1:
        return True
    is_stereo = bool(packet[0] & 4)
    return is_stereo and bool(flags >> (6 - 2 * parts) & 1)


def _first_frame(packet: bytes) -> int | None:
    """The position of the first frame; None where it is empty, or the packet ends before it."""
    match packet[0] & 3:
        case 0 | 1:
            return 1
        case 2:
            return _after_length(packet, 1)
        case _:
            return _first_of_many(packet)


def _after_length(packet: bytes, at: int) -> int | None:
    """The position behind a frame length that is not 0."""
    if at >= len(packet) or not packet[at]:
        return None
    return at + (2 if packet[at] >= _LONG else 1)


def _first_of_many(packet: bytes) -> int | None:
    """The position of the first of any number of frames (RFC 6716 section 3.2.5)."""
    if len(packet) < 2:
        return None
    count, at = packet[1] & 0x3F, 2
    if packet[1] & 0x40:
        # Lengths of padding: 255 says that another one follows.
        while at < len(packet) and packet[at] == 255:
            at += 1
        at += 1
    if not packet[1] & 0x80:
        return at
    is_empty = count > 1 and at < len(packet) and not packet[at]
    for _ in range(count - 1):
        if at >= len(packet):
            return None
        at += 2 if packet[at] >= _LONG else 1
    return None if is_empty else at
