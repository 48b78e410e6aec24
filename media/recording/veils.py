"""Owns what stands at the start of a piece of a file until the rest of it is there.

A process that is killed while it writes leaves a part of what it wrote. To readers that part is to
be nothing.
"""

from __future__ import annotations

from typing import assert_never

from media.recording.containers import Container

# RFC 8794 section 11.3.2: a Void element, and a size in seven octets after its marker.
_VOID = b"\xec\x01"
_VOID_OCTETS = 9


def veil(container: Container, size: int) -> bytes:
    """What to write first of a piece of that many octets; nothing where it is too small for it.

    A piece is some whole boxes, elements or pages.
    """
    if size < _VOID_OCTETS:
        return b""
    match container:
        case Container.MP4 | Container.HLS:
            # ISO/IEC 14496-12 section 8.1.2: free space.
            return size.to_bytes(4, "big") + b"free"
        case Container.WEBM | Container.MATROSKA:
            return _VOID + (size - _VOID_OCTETS).to_bytes(_VOID_OCTETS - len(_VOID), "big")
        case Container.OGG:
            # RFC 3533 section 6: readers look for the next capture pattern.
            return b"\x00" * 4
        case _:
            assert_never(container)
