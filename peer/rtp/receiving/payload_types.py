"""Owns what each payload type of a receiver means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.rtp_parameters import Codec


class Role(Enum):
    """What a payload type carries."""

    MEDIA = auto()
    REPAIR = auto()
    EVENT = auto()


@dataclass(frozen=True, slots=True)
class PayloadType:
    """One agreed payload type.

    Args:
        codec: Agreed for it.
        role: What it carries.
        nack: Whether the peer answers to NACK (RFC 4585 section 4.2).
        pli: Whether it does to picture loss indications.
        fir: Whether it does to full intra requests (RFC 5104 section 7.1).
    """

    codec: Codec
    role: Role
    nack: bool
    pli: bool
    fir: bool


def payload_types_of(codecs: Iterable[Codec]) -> dict[int, PayloadType]:
    """By number."""
    return {codec.payload_type: _payload_type(codec) for codec in codecs}


def _payload_type(codec: Codec) -> PayloadType:
    role = Role.MEDIA
    if codec.is_rtx:
        role = Role.REPAIR
    elif codec.name.lower() == "telephone-event":
        role = Role.EVENT
    agreed = {(each.type.lower(), (each.parameter or "").lower()) for each in codec.feedback}
    return PayloadType(
        codec, role, ("nack", "") in agreed, ("nack", "pli") in agreed, ("ccm", "fir") in agreed
    )
