"""The agreed payload types of one receiver, by number. PURE."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.rtp_parameters import Codec


class PayloadRole(Enum):
    """The use of a payload type in its m-section."""

    MEDIA = auto()
    #: Retransmissions (RFC 4588).
    RTX = auto()
    #: Telephone events (RFC 4733).
    EVENT = auto()
    #: Comfort noise (RFC 3389): the stream is silent.
    NOISE = auto()
    #: Redundant data (RFC 2198): packets of media, with copies of those before.
    RED = auto()


_ROLES = {
    "rtx": PayloadRole.RTX,
    "telephone-event": PayloadRole.EVENT,
    "cn": PayloadRole.NOISE,
    "red": PayloadRole.RED,
}


@dataclass(frozen=True, slots=True)
class PayloadType:
    """One agreed payload type.

    Args:
        codec: The codec agreed for it.
        role: Media, or what accompanies it.
        nack: True where the peer answers to NACK (RFC 4585 section 4.2).
        pli: True where the peer answers to picture loss indications.
        fir: True where the peer answers to full intra requests (RFC 5104 section 7.1).
    """

    codec: Codec
    role: PayloadRole
    nack: bool
    pli: bool
    fir: bool


def payload_types_of(codecs: Iterable[Codec]) -> dict[int, PayloadType]:
    """The payload types of these codecs, by number."""
    return {codec.payload_type: _payload_type(codec) for codec in codecs}


def _payload_type(codec: Codec) -> PayloadType:
    role = _ROLES.get(codec.name.lower(), PayloadRole.MEDIA)
    agreed = {(each.type.lower(), (each.parameter or "").lower()) for each in codec.feedback}
    return PayloadType(
        codec, role, ("nack", "") in agreed, ("nack", "pli") in agreed, ("ccm", "fir") in agreed
    )
