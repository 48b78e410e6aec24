"""How frames of each codec travel in RTP packets. Pure: no clocks, no sockets, no decoders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.formats.format import FrameShape, PayloadFormat
from peer.rtp.formats.opaque import OpaqueFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp_parameters import Codec

__all__ = ["FrameShape", "PayloadFormat", "format_of"]

_BY_NAME: dict[str, Callable[[Codec], PayloadFormat]] = {}


def format_of(codec: Codec) -> PayloadFormat:
    """The payload format of a codec, for one stream; of one we do not know, a packet is a frame."""
    make = _BY_NAME.get(codec.name.lower())
    return OpaqueFormat() if make is None else make(codec)
