"""The usual frame of a WebSocket's client: a text message that has arrived whole. PURE.

A general parser costs as much for each message as all that a room does with it. Frames that are not
usual are only measured here, and left to `websockets`.
"""

from __future__ import annotations

from typing import Final

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

#: First octet of a whole text message: FIN, and the opcode 1 (RFC 6455 section 5.2).
_WHOLE_TEXT: Final = 0x81
#: Bit of the second octet that says that there is a mask; the other seven are the length.
_MASK: Final = 0x80
#: Length that stands for one of 16 bits behind it, which is no smaller; 127 stands for one of 64.
_LONG: Final = 126
#: Octets of a head with its mask, without and with the 16 bits.
_SHORT_HEAD, _LONG_HEAD = 6, 8


def read_whole_text(data: bytes, at: int, *, longest: int) -> tuple[str, int] | None:
    """Read a masked text message, and the offset behind it.

    Args:
        data: Octets of a WebSocket, from the begin of any frame on.
        at: Offset of a frame in them.
        longest: Most octets of a message.

    Returns:
        None where another frame stands there, or not all of it, or it breaks a rule.
    """
    if len(data) - at < _SHORT_HEAD or data[at] != _WHOLE_TEXT:
        return None
    length, head = data[at + 1] - _MASK, _SHORT_HEAD
    if length == _LONG:
        length, head = int.from_bytes(data[at + 2 : at + 4]), _LONG_HEAD
        if length < _LONG:
            return None
    elif not 0 <= length < _LONG:
        return None
    begin = at + head
    end = begin + length
    if end > len(data) or length > longest:
        return None
    try:
        return apply_mask(data[begin:end], data[begin - 4 : begin]).decode(), end
    except UnicodeDecodeError:
        return None


def frame_size(data: bytes, at: int) -> int | None:
    """Read the octets of a frame, its head and its mask included.

    Args:
        data: Octets of a WebSocket.
        at: Offset of any frame in them.

    Returns:
        None where not all of the length is there.
    """
    if len(data) - at < 2:
        return None
    length, head = data[at + 1] & ~_MASK, 2
    if length >= _LONG:
        head += 2 if length == _LONG else 8
        if len(data) - at < head:
            return None
        length = int.from_bytes(data[at + 2 : at + head])
    return head + length + (4 if data[at + 1] & _MASK else 0)
