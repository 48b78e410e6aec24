"""Capabilities of this machine: installed codecs, and the header extensions of each kind."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from peer.rtp.codecs import accepted, can_encode, installed
from peer.rtp.packet import (
    ABS_CAPTURE_TIME,
    ABS_SEND_TIME,
    AUDIO_LEVEL,
    MID,
    PLAYOUT_DELAY,
    REPAIRED_RID,
    RID,
    TRANSPORT_CC,
)
from peer.rtp_parameters import HeaderExtension, MediaKind, RtpCapabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from peer.rtp_parameters import Codec

# RFC 8843 section 9.3: under BUNDLE an id means the same in every m-section.
_BOTH = (
    HeaderExtension(1, MID),
    HeaderExtension(3, ABS_SEND_TIME),
    HeaderExtension(4, TRANSPORT_CC),
    HeaderExtension(5, ABS_CAPTURE_TIME),
)
_EXTENSIONS = MappingProxyType(
    {
        MediaKind.AUDIO: (*_BOTH, HeaderExtension(2, AUDIO_LEVEL)),
        MediaKind.VIDEO: (
            *_BOTH,
            HeaderExtension(6, PLAYOUT_DELAY),
            HeaderExtension(10, RID),
            HeaderExtension(11, REPAIRED_RID),
        ),
    }
)


# Each connection asks, and what is installed stays the same.
@lru_cache(maxsize=8)
def capabilities(
    kind: MediaKind,
    codecs: Callable[[MediaKind], Iterable[Codec]] = installed,
    encodable: Callable[[Codec], bool] = can_encode,
) -> RtpCapabilities:
    """Return the codecs and header extensions of a kind, the most preferred codec first.

    Args:
        kind: Audio or video.
        codecs: Returns the codecs to offer that can be decoded, each before its RTX codec.
        encodable: Returns True for a codec that can be encoded as well.
    """
    both, receive_only = _divided(tuple(codecs(kind)), encodable)
    accepted_both, accepted_receive_only = _divided(accepted(kind), encodable)
    return RtpCapabilities(
        codecs=both,
        extensions=_EXTENSIONS[kind],
        receive_only=receive_only,
        accepted=accepted_both,
        accepted_receive_only=accepted_receive_only,
    )


def _divided(
    decoded: tuple[Codec, ...], encodable: Callable[[Codec], bool]
) -> tuple[tuple[Codec, ...], tuple[Codec, ...]]:
    """Divide codecs, with their RTX, into those that can be encoded too and the others."""
    not_encodable = {c.payload_type for c in decoded if c.accompanied is None and not encodable(c)}
    receive_only = tuple(
        c
        for c in decoded
        if (c.payload_type if c.accompanied is None else c.accompanied) in not_encodable
    )
    return tuple(codec for codec in decoded if codec not in receive_only), receive_only
