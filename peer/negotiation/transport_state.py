"""Owns what negotiation knows of one transport: its ICE generation and its associations.

A transport keeps its key for the whole session. An *association* is one DTLS association with its
SRTP keys, numbered from 0; a *generation* is one pair of ICE credentials of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.ice_parameters import IceParameters
    from peer.identity.fingerprints import Fingerprint
    from peer.states import DtlsRole, IceRole


@dataclass(frozen=True, slots=True)
class LocalIdentity:
    """Who we say we are in an association: what RFC 8842 section 3.1 compares."""

    fingerprints: tuple[Fingerprint, ...]
    tls_id: str


@dataclass(frozen=True, slots=True)
class RemoteIdentity:
    """Who the peer says it is.

    Args:
        tls_id: None from a peer that sends none: RFC 8842 section 6 has rules for it.
    """

    fingerprints: tuple[Fingerprint, ...]
    tls_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationTerms:
    """What makes one DTLS association, as offer and answer say it.

    Args:
        number: Numbers the associations of a transport, from 0.
        remote: None until an answer settled it.
        role: Ours, None until then.
    """

    number: int
    local: LocalIdentity
    remote: RemoteIdentity | None = None
    role: DtlsRole | None = None

    @property
    def settled(self) -> bool:
        """Whether both ends are known, so that they may shake hands."""
        return self.remote is not None and self.role is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportState:
    """One ICE and DTLS transport: that of a BUNDLE group, or of a single m-section.

    Args:
        key: The mid that it was made for, marked where an older transport still has that name.
        local: Our credentials in the newest ICE generation; they name it.
        remote_ice: The peer's in that generation; None until an answer brought them.
        association: What the descriptions say now.
        fallbacks: What serves until `association` is known to be in use, the oldest first. More
            than one where the peer wanted new keys again before that was known of the last ones.
    """

    key: str
    local: IceParameters
    ice_role: IceRole
    association: AssociationTerms
    remote_ice: IceParameters | None = None
    fallbacks: tuple[AssociationTerms, ...] = ()

    @property
    def fallback(self) -> AssociationTerms | None:
        """What serves until the association is known to be in use; None where it is."""
        return self.fallbacks[0] if self.fallbacks else None

    @property
    def connected(self) -> bool:
        """Whether an answer has settled it, now or earlier: it is in use."""
        return self.association.settled or bool(self.fallbacks)

    @property
    def role(self) -> DtlsRole | None:
        """Our DTLS role: of the association, or of the one that it is to follow."""
        if self.association.role is not None or not self.fallbacks:
            return self.association.role
        return self.fallbacks[-1].role
