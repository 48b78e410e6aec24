"""Owns what a later description does to an association (RFC 5763 section 6.6, RFC 8842 section 3).

RFC 8842 section 3.1 asks for a new association where an exchange changes the DTLS roles, where it
modifies the set of fingerprints of either end, in the offer or in the answer, and where either end
changes its `tls-id`. Section 3.3: an ICE restart by itself asks for none.

A peer that sends no `tls-id` is judged by what real ones do:

* Its own fingerprints count as above.
* A change of ours alone decides nothing: Chromium follows it, Firefox, Pion, libdatachannel, werift
  and GStreamer take the description and keep their association. Only the wire shows which.
* A flipped `a=setup` alone is not believed: Firefox writes it and keeps its association.

So is one that answers our new `tls-id` with its old one: whoever follows RFC 8842 answers with a
new one (section 5.3), and libdatachannel goes on to copy the first one that it was sent.


Owns what descriptions make of a transport that is in use: kept, rekeyed, ICE restarted.

What an offer, an answer or both together say is always worked out from the transport as it was
before the exchange. So an offer that replaces another one, a created description that waited and
a second answer after a provisional one need no rules of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from peer.negotiation.transport_state import AssociationTerms, RemoteIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from peer.ice_parameters import IceParameters
    from peer.negotiation.profile import Profile
    from peer.negotiation.transport_state import LocalIdentity, TransportState
    from peer.states import DtlsRole


@dataclass(frozen=True, slots=True)
class Reuse:
    """The association goes on: nothing that makes it has changed."""


@dataclass(frozen=True, slots=True)
class NewAssociation:
    """The exchange asks for a new association."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """The exchange asks for a new association of a peer that may not care."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The change cannot be followed: the description is refused, the session goes on."""

    reason: str


Verdict = Reuse | NewAssociation | Undecided
OfferVerdict = Reuse | NewAssociation | Refuse


def assess(before: AssociationTerms, after: AssociationTerms) -> Verdict:
    """Judge a whole exchange against the association that there is.

    Args:
        before: What was settled.
        after: What the exchange says: our half, the peer's half, and the role that they resolve to.
    """
    ours = tuple(_changes_of_ours(before, after))
    theirs = tuple(_changes_of_theirs(before, after))
    if _is_modern(after) and (theirs or not ours):
        roles = () if after.role is before.role else ("the DTLS role",)
        changes = (*ours, *theirs, *roles)
        return NewAssociation(_sentence(changes)) if changes else Reuse()
    if theirs:
        return NewAssociation(_sentence((*ours, *theirs)))
    return Undecided(_sentence(ours)) if ours else Reuse()


def assess_offer(
    before: AssociationTerms, offered: RemoteIdentity, role: DtlsRole | None
) -> OfferVerdict:
    """Judge the peer's offer, to which our answer is still to come.

    Args:
        before: What was settled.
        offered: Who the peer says it is.
        role: The one that the offer leaves to us, or None where we may choose.
    """
    after = replace(before, remote=offered)
    changes = tuple(_changes_of_theirs(before, after))
    if changes:
        return NewAssociation(_sentence(changes))
    if role not in (None, before.role) and _is_modern(after):
        # RFC 8842 section 5.2: without a new association an offer has the current role or actpass.
        return Refuse("the offer takes our DTLS role and asks for no new association by its tls-id")
    return Reuse()


def is_restart(before: IceParameters, after: IceParameters) -> bool:
    """Whether credentials are of another ICE generation.

    RFC 8839 section 4.4.3: "a change in the 'ice-ufrag' or 'ice-pwd' attributes".
    """
    was = before.username_fragment, before.password
    return was != (after.username_fragment, after.password)


def _is_modern(terms: AssociationTerms) -> bool:
    return terms.remote is not None and terms.remote.tls_id is not None


def _changes_of_ours(before: AssociationTerms, after: AssociationTerms) -> Iterator[str]:
    if set(before.local.fingerprints) != set(after.local.fingerprints):
        yield "our fingerprint"
    if before.local.tls_id != after.local.tls_id:
        yield "our tls-id"


def _changes_of_theirs(before: AssociationTerms, after: AssociationTerms) -> Iterator[str]:
    was, now = before.remote, after.remote
    if was is None or now is None:
        return
    if set(was.fingerprints) != set(now.fingerprints):
        yield "the peer's fingerprint"
    # RFC 8842 section 4: a description without tls-id says nothing of the association.
    if None not in (was.tls_id, now.tls_id) and was.tls_id != now.tls_id:
        yield "the peer's tls-id"


def _sentence(changes: Sequence[str]) -> str:
    *others, last = changes
    listed = f"{', '.join(others)} and {last}" if others else last
    return f"{listed} changed"


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
