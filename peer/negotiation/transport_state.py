"""One ICE and DTLS transport as negotiation knows it: ICE credentials and DTLS associations.

A transport keeps its key for the whole session. An *association* is one DTLS association with its
SRTP keys, numbered from 0. An *ICE generation* is one pair of ICE credentials of ours; an ICE
restart begins another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.ice import IceParameters
    from peer.identity.fingerprints import Fingerprint
    from peer.states import DtlsRole, IceRole


@dataclass(frozen=True, slots=True)
class Reuse:
    """Verdict on an exchange that changes nothing: the DTLS association goes on."""


@dataclass(frozen=True, slots=True)
class NewAssociation:
    """Verdict on an exchange that asks for a new DTLS association.

    Args:
        reason: What has changed, for example "our fingerprint changed".
        peer_may_keep: The peer may keep its association all the same; only the wire shows.
    """

    reason: str
    peer_may_keep: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """Verdict on an offer that cannot be followed: it is refused, and the session goes on.

    Args:
        reason: A sentence for the error.
    """

    reason: str


#: Verdict on an offer with its answer.
Verdict = Reuse | NewAssociation
#: Verdict on the peer's offer, before our answer.
OfferVerdict = Reuse | NewAssociation | Refuse


@dataclass(frozen=True, slots=True)
class LocalIdentity:
    """Our end of a DTLS association, as RFC 8842 section 3.1 compares it."""

    fingerprints: tuple[Fingerprint, ...]
    tls_id: str


@dataclass(frozen=True, slots=True)
class RemoteIdentity:
    """The peer's end of a DTLS association, as RFC 8842 section 3.1 compares it.

    Args:
        tls_id: None from a peer that sends none: RFC 8842 section 6 has rules for it.
    """

    fingerprints: tuple[Fingerprint, ...]
    tls_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationTerms:
    """One DTLS association as offer and answer describe it.

    Args:
        number: Numbers the associations of a transport, from 0.
        remote: None until there is an answer.
        role: Our DTLS role; None until there is an answer.
        verdict: The verdict on the exchange that asked for this association in place of another
            one; None for the first association, and until there is an answer.
    """

    number: int
    local: LocalIdentity
    remote: RemoteIdentity | None = None
    role: DtlsRole | None = None
    verdict: NewAssociation | None = None

    @property
    def agreed(self) -> bool:
        """True once both ends are known, so that they may shake hands."""
        return self.remote is not None and self.role is not None

    @property
    def peer_may_keep(self) -> bool:
        """True where the peer may keep the association before this one: only the wire shows."""
        return self.verdict is not None and self.verdict.peer_may_keep

    def is_same(self, other: AssociationTerms) -> bool:
        """True where both are one association: a number is used again after one was dropped."""
        return (self.number, self.local) == (other.number, other.local)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportState:
    """One ICE and DTLS transport: that of a BUNDLE group, or of a single m-section.

    Args:
        key: The mid that it was made for, marked where an older transport still has that name.
        local: Our credentials in the newest ICE generation; they name it.
        remote_ice: The peer's in that generation; None until an answer brought them.
        association: The association that the descriptions in force speak of.
        fallbacks: Older associations that may still carry traffic, the oldest first; they go once
            `association` is known to be in use. More than one where the peer asked for new keys
            again before that was known of the last ones.
    """

    key: str
    local: IceParameters
    ice_role: IceRole
    association: AssociationTerms
    remote_ice: IceParameters | None = None
    fallbacks: tuple[AssociationTerms, ...] = ()

    @property
    def agreed(self) -> bool:
        """True once an answer, now or earlier, has put the transport to use."""
        return self.association.agreed or bool(self.fallbacks)

    @property
    def role(self) -> DtlsRole | None:
        """Our DTLS role in the association, or in the one that it is to follow."""
        if self.association.role is not None or not self.fallbacks:
            return self.association.role
        return self.fallbacks[-1].role
