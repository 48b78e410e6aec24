"""Owns what descriptions make of a transport that is in use: kept, rekeyed, ICE restarted.

What an offer, an answer or both together say is always worked out from the transport as it was
before the exchange. So an offer that replaces another one, a created description that waited and
a second answer after a provisional one need no rules of their own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from peer.negotiation.modification import (
    NewAssociation,
    OfferVerdict,
    Reuse,
    Undecided,
    assess,
    assess_offer,
    is_restart,
)
from peer.negotiation.transports import AssociationTerms, LocalIdentity, RemoteIdentity

if TYPE_CHECKING:
    from peer.ice_parameters import IceParameters
    from peer.negotiation.profile import Profile
    from peer.negotiation.transports import TransportState
    from peer.states import DtlsRole


def with_local(known: TransportState, ours: LocalIdentity, ice: IceParameters) -> TransportState:
    """The transport as a description of ours speaks of it.

    Args:
        known: As it was before the exchange.
        ours: Who we say we are; another identity asks for a new association.
        ice: Our credentials; others restart ICE.
    """
    if ours != known.association.local:
        terms = AssociationTerms(number=known.association.number + 1, local=ours)
        known = _followed_by(known, terms)
    return known if ice == known.local else replace(known, local=ice, remote_ice=None)


def answered(
    known: TransportState,
    now: TransportState,
    profile: Profile,
    *,
    remote: RemoteIdentity,
    remote_ice: IceParameters,
    role: DtlsRole | None,
) -> TransportState:
    """The transport as our answer speaks of it.

    Args:
        known: As it was before the exchange.
        now: As a provisional answer speaks of it, where there is one.
        remote: Who the offer says the peer is.
        remote_ice: Its credentials in the offer.
        role: The DTLS role that the offer leaves to us; None where we may choose.
    """
    meant = _spoken_of(known, remote)
    ours, ice = meant.association.local, known.local
    if isinstance(judged_offer(known, remote, role), NewAssociation):
        proposed = now.association.local
        kept = all(proposed != terms.local for terms in (*known.fallbacks, known.association))
        # RFC 8842 section 5.3: a new association has a new tls-id; the certificate is as good.
        ours = proposed if kept else profile.new_identity(ours.fingerprints)
    if restarts(known, remote_ice):
        ice = now.local if now.local != ice else profile.new_credentials()
    return with_local(meant, ours, ice)


def judged_offer(
    known: TransportState, remote: RemoteIdentity, role: DtlsRole | None
) -> OfferVerdict:
    """What an offer of the peer asks of an association, before our answer.

    Args:
        known: The transport as it was before the exchange.
        remote: Who the offer says the peer is.
        role: The DTLS role that it leaves to us; None where we may choose.
    """
    return assess_offer(_spoken_of(known, remote).association, remote, role)


def restarts(known: TransportState, remote_ice: IceParameters) -> bool:
    """Whether the peer's half restarts ICE."""
    return known.remote_ice is not None and is_restart(known.remote_ice, remote_ice)


def settled(
    known: TransportState, now: TransportState, remote: RemoteIdentity, role: DtlsRole
) -> TransportState:
    """The transport whose association is as both halves say.

    Args:
        known: As it was before the exchange.
        now: As our half speaks of it.
        remote: Who the peer's half says it is.
        role: What `a=setup` of both resolves to.
    """
    meant = _spoken_of(known, remote)
    terms = AssociationTerms(
        number=meant.association.number + 1, local=now.association.local, remote=remote, role=role
    )
    verdict = assess(meant.association, terms)
    match verdict:
        case Reuse():
            settled = replace(meant, association=_learned(meant.association, remote))
        case NewAssociation() | Undecided() if _is_settled_already(meant, now, terms):
            # As a provisional answer settled it; by now more may be known of what serves.
            settled = now
        case NewAssociation() | Undecided():
            settled = _followed_by(meant, terms)
        case _:
            assert_never(verdict)
    return replace(settled, local=now.local, remote_ice=now.remote_ice, ice_role=now.ice_role)


def found_in_use(known: TransportState, number: int) -> TransportState:
    """The transport of which an association turned out to be in use."""
    serving = [terms for terms in known.fallbacks if terms.number >= number]
    return replace(known, fallbacks=tuple(serving)) if number <= known.association.number else known


def found_unused(known: TransportState, number: int) -> TransportState:
    """The transport of which an association turned out not to be taken up."""
    others = tuple(terms for terms in known.fallbacks if terms.number != number)
    if known.association.number != number or not others:
        return replace(known, fallbacks=others) if known.fallbacks else known
    return replace(known, association=others[-1], fallbacks=others[:-1])


def _followed_by(known: TransportState, terms: AssociationTerms) -> TransportState:
    return replace(known, association=terms, fallbacks=(*known.fallbacks, known.association))


def _spoken_of(known: TransportState, remote: RemoteIdentity) -> TransportState:
    """The transport as it was when the association that the peer speaks of was the newest.

    A peer may have found before us that the newest one was not taken up.
    """
    for index, terms in enumerate(known.fallbacks):
        newest, older = known.association.remote, terms.remote
        if newest is None or older is None or remote.tls_id is None:
            continue
        if older.tls_id == remote.tls_id != newest.tls_id:
            return replace(known, association=terms, fallbacks=known.fallbacks[:index])
    return known


def _is_settled_already(
    known: TransportState, now: TransportState, terms: AssociationTerms
) -> bool:
    """Whether the new association is one of now; its role may differ, the first one counts."""
    newest = now.association
    if not newest.settled or newest.number <= known.association.number:
        return False
    return (newest.local, newest.remote) == (terms.local, terms.remote)


def _learned(terms: AssociationTerms, remote: RemoteIdentity) -> AssociationTerms:
    """The same association, and a tls-id that the peer has begun to send."""
    known = terms.remote
    if known is None or known.tls_id is not None or remote.tls_id is None:
        return terms
    return replace(terms, remote=RemoteIdentity(known.fingerprints, remote.tls_id))
