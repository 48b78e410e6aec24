"""The agreed payload types of one receiver, by number. PURE."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from peer.values import dataclass

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
        rtx: True where answers to NACK come as RTX (RFC 4588), and not as the packets were.
    """

    codec: Codec
    role: PayloadRole
    nack: bool
    pli: bool
    fir: bool
    rtx: bool


def payload_types_of(codecs: Iterable[Codec]) -> dict[int, PayloadType]:
    """The payload types of these codecs, by number."""
    codecs = tuple(codecs)
    repaired = {codec.apt for codec in codecs if codec.is_rtx}
    return {
        codec.payload_type: _payload_type(codec, rtx=codec.payload_type in repaired)
        for codec in codecs
    }


def _payload_type(codec: Codec, *, rtx: bool) -> PayloadType:
    agreed = {(each.type.lower(), (each.parameter or "").lower()) for each in codec.feedback}
    return PayloadType(
        codec=codec,
        role=_ROLES.get(codec.name.lower(), PayloadRole.MEDIA),
        nack=("nack", "") in agreed,
        pli=("nack", "pli") in agreed,
        fir=("ccm", "fir") in agreed,
        rtx=rtx,
    )
