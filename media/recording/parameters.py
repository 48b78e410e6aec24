"""Owns what a container must know of a stream before its first frame: `StreamSpec`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One stream of a file.

    Args:
        codec: Its codec, with its clock rate in hertz.
        first: Its first frame, a key frame, in the form of `EncodedFrame.payload`. Nothing is
            written of it: it only says what the container wants to know of the stream. Sound needs
            none.
    """

    codec: Codec
    first: bytes = b""
