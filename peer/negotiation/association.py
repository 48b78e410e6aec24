"""DTLS associations by offer and answer: the roles, and what a later description changes.

`a=setup` decides the end that sends the ClientHello (RFC 5763 section 5). A later description
reuses the association, replaces it, or is refused.

RFC 8842 section 3.1 asks for a new association where an exchange changes the DTLS roles, where it
modifies the set of fingerprints of either end, in the offer or in the answer, and where either end
changes its `tls-id`. Section 3.3: an ICE restart by itself asks for none (as RFC 5763 section 6.6).

A peer that sends no `tls-id` is judged by what real ones do:

* Its own fingerprints count as above.
* A change of ours alone decides nothing: Chromium follows it, Firefox, Pion, libdatachannel, werift
  and GStreamer take the description and keep their association. Only the wire shows which.
* A flipped `a=setup` alone is not believed: Firefox writes it and keeps its association.

A peer that answers our new `tls-id` with its old one is judged in the same way: RFC 8842 section
5.3 has it answer with a new one, and libdatachannel goes on to copy the first one that it was sent.
So is an exchange in which no fingerprint changes: a media proxy (rtpengine) ends DTLS of either
leg, with one certificate of its own, and passes the `tls-id` of one on to the other.

The effect of an offer, an answer or both is always worked out from the transport as it was before
the exchange (`known` below). So an offer that replaces another one, a created description that
waited and a second answer after a provisional one need no rules of their own. The verdict is
worked out once and stored: that on the peer's offer in `Session.offer_verdicts`, that on the
exchange in the `AssociationTerms` of the new association.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from peer.configuration import AnswerRole
from peer.errors import SetupError
from peer.ice import IceParameters, WithoutIce
from peer.negotiation.sdp.attributes import Setup
from peer.negotiation.session import (
    AssociationTerms,
    LocalIdentity,
    NewAssociation,
    OfferVerdict,
    Refuse,
    RemoteIdentity,
    Reuse,
    Verdict,
)
from peer.states import DtlsRole
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from peer.negotiation.sdp.description import Sdp
    from peer.negotiation.session import AppliedDescription, TransportState

#: `a=setup` of every offer (RFC 5763 section 5): "The endpoint that is the offerer MUST use the
#: setup attribute value of setup:actpass and be prepared to receive a client_hello before it
#: receives the answer."
OFFER_SETUP = Setup.ACTPASS


def answer_setup(
    offered: Setup, preference: AnswerRole, current: DtlsRole | None, *, mid: str | None = None
) -> Setup:
    """Choose the `a=setup` of our answer.

    Args:
        offered: The offer's `a=setup`.
        preference: What to choose where the offer leaves the choice.
        current: Our role in the association that exists, or None.
        mid: For the error.

    Raises:
        SetupError: The offer holds the connection, or takes the role that we have.
    """
    match offered:
        case Setup.ACTPASS:
            # RFC 8842 section 5.3: keep the negotiated role unless a new association is wanted.
            if current is not None:
                return Setup.ACTIVE if current is DtlsRole.CLIENT else Setup.PASSIVE
            # RFC 5763 section 5: "setup:active is RECOMMENDED."
            return Setup.ACTIVE if preference is AnswerRole.ACTIVE else Setup.PASSIVE
        case Setup.ACTIVE:
            return Setup.PASSIVE
        case Setup.PASSIVE:
            return Setup.ACTIVE
        case Setup.HOLDCONN:
            # RFC 8842 section 5.1: holdconn MUST NOT be used with DTLS.
            raise SetupError(
                "an offer cannot hold a DTLS association", line="a=setup:holdconn", mid=mid
            )
    assert_never(offered)


def role_left(offered: Setup) -> DtlsRole | None:
    """Give the DTLS role that an offer leaves to the answerer; None where that may choose."""
    match offered:
        case Setup.ACTIVE:
            return DtlsRole.SERVER
        case Setup.PASSIVE:
            return DtlsRole.CLIENT
        case _:
            return None


def resolve(
    offered: Setup, answered: Setup | None, *, offerer: bool, mid: str | None = None
) -> DtlsRole:
    """Give our role by the `a=setup` of both halves (the table of RFC 4145 section 4.1).

    Args:
        offered: The offer's value.
        answered: The answer's value, or None where it had none.
        offerer: Whether we made the offer.
        mid: For the error.

    Raises:
        SetupError: The answer has no `a=setup`, none that RFC 5763 allows, or the offer's own role.
    """
    if answered is None:
        raise SetupError("the answer has no a=setup, which RFC 5763 section 5 requires", mid=mid)
    line = f"a=setup:{answered.value}"
    if answered not in (Setup.ACTIVE, Setup.PASSIVE):
        raise SetupError("an answer is setup:active or setup:passive", line=line, mid=mid)
    if answered is offered:
        raise SetupError(
            f"offer and answer are both setup:{answered.value}; nobody would answer the other",
            line=line,
            mid=mid,
        )
    if offered is Setup.HOLDCONN:
        raise SetupError(
            "an offer cannot hold a DTLS association", line="a=setup:holdconn", mid=mid
        )
    answerer_role = DtlsRole.CLIENT if answered is Setup.ACTIVE else DtlsRole.SERVER
    return opposite(answerer_role) if offerer else answerer_role


def opposite(role: DtlsRole) -> DtlsRole:
    """Give the role of the other end."""
    return DtlsRole.SERVER if role is DtlsRole.CLIENT else DtlsRole.CLIENT


def assess(before: AssociationTerms, after: AssociationTerms) -> Verdict:
    """Judge a whole exchange against the association that there is.

    Args:
        before: The association as it was agreed.
        after: Our half, the peer's half, and the role that both resolve to.
    """
    ours = tuple(_changes_of_ours(before, after))
    theirs = tuple(_changes_of_theirs(before, after))
    if _has_fingerprints_of(before, after) and theirs:
        return NewAssociation(_sentence((*ours, *theirs)), peer_may_keep=True)
    if _sends_tls_id(after) and (theirs or not ours):
        roles = () if after.role is before.role else ("the DTLS role",)
        changes = (*ours, *theirs, *roles)
        return NewAssociation(_sentence(changes)) if changes else Reuse()
    if theirs:
        return NewAssociation(_sentence((*ours, *theirs)))
    return NewAssociation(_sentence(ours), peer_may_keep=True) if ours else Reuse()


def assess_offer(
    before: AssociationTerms, offered: RemoteIdentity, role: DtlsRole | None
) -> OfferVerdict:
    """Judge the peer's offer against the association that there is.

    Args:
        before: The association as it was agreed.
        offered: The peer's end as its offer describes it.
        role: The DTLS role that the offer leaves to us; None where we may choose.
    """
    after = replace(before, remote=offered)
    changes = tuple(_changes_of_theirs(before, after))
    if changes:
        return NewAssociation(_sentence(changes))
    if role not in (None, before.role) and _sends_tls_id(after):
        # RFC 8842 section 5.2: without a new association an offer has the current role or actpass.
        return Refuse("the offer takes our DTLS role and asks for no new association by its tls-id")
    return Reuse()


def is_ice_restart(before: IceParameters, after: IceParameters) -> bool:
    """Tell whether credentials are of another ICE generation.

    RFC 8839 section 4.4.3: "a change in the 'ice-ufrag' or 'ice-pwd' attributes".
    """
    was = before.username_fragment, before.password
    return was != (after.username_fragment, after.password)


def peer_restarts_ice(known: TransportState, remote_ice: IceParameters | WithoutIce) -> bool:
    """Tell whether the peer's half of an exchange restarts ICE on a transport."""
    return (
        known.remote_ice is not None
        and isinstance(remote_ice, IceParameters)
        and is_ice_restart(known.remote_ice, remote_ice)
    )


def judge_offer(
    known: TransportState, remote: RemoteIdentity, role: DtlsRole | None
) -> OfferVerdict:
    """Judge the peer's offer for a transport that is in use.

    Args:
        known: The transport as it was before the exchange.
        remote: The peer's end as its offer describes it.
        role: The DTLS role that the offer leaves to us; None where we may choose.
    """
    return assess_offer(_as_peer_means(known, remote).association, remote, role)


def with_local_half(
    known: TransportState, ours: LocalIdentity, ice: IceParameters
) -> TransportState:
    """Give the transport as a description of ours speaks of it.

    Args:
        known: The transport as it was before the exchange.
        ours: Our end; another one than before asks for a new association.
        ice: Our credentials; other ones than before restart ICE.
    """
    if ours != known.association.local:
        terms = AssociationTerms(number=known.association.number + 1, local=ours)
        known = _followed_by(known, terms)
    return known if ice == known.local else replace(known, local=ice, remote_ice=None)


def with_our_answer(
    known: TransportState,
    now: TransportState,
    random: Callable[[int], bytes],
    *,
    verdict: OfferVerdict,
    remote: RemoteIdentity | None,
    remote_ice: IceParameters | WithoutIce,
) -> TransportState:
    """Give the transport as our answer speaks of it.

    Args:
        known: The transport as it was before the exchange.
        now: The transport as a provisional answer speaks of it, where there is one.
        random: `random(n)` gives n random bytes, for the identity and credentials of the answer.
        verdict: The verdict on the offer.
        remote: The peer's end as its offer describes it; None for a peer without DTLS.
        remote_ice: The peer's credentials in the offer, or its addresses where it has no ICE.
    """
    meant = _as_peer_means(known, remote)
    ours, ice = meant.association.local, known.local
    if isinstance(verdict, NewAssociation):
        proposed = now.association.local
        kept = all(proposed != terms.local for terms in (*known.fallbacks, known.association))
        # RFC 8842 section 5.3: a new association has a new tls-id; the certificate is as good.
        ours = proposed if kept else LocalIdentity.generate(ours.fingerprints, random)
    if peer_restarts_ice(known, remote_ice):
        ice = now.local if now.local != ice else IceParameters.generate(random)
    return with_local_half(meant, ours, ice)


def with_both_halves(
    known: TransportState, now: TransportState, remote: RemoteIdentity, role: DtlsRole
) -> TransportState:
    """Give the transport as offer and answer together speak of it.

    Args:
        known: The transport as it was before the exchange.
        now: The transport as our half speaks of it.
        remote: The peer's end as its half describes it.
        role: Our DTLS role, to which `a=setup` of both halves resolves.
    """
    meant = _as_peer_means(known, remote)
    # A number of its own, where the peer has gone back to an older association too: the newest one,
    # that it left, may have the same end of ours.
    terms = AssociationTerms(
        number=known.association.number + 1, local=now.association.local, remote=remote, role=role
    )
    verdict = assess(meant.association, terms)
    match verdict:
        case Reuse():
            agreed = replace(meant, association=_with_tls_id(meant.association, remote))
        case NewAssociation() if _is_agreed_already(meant, now, terms):
            # As a provisional answer agreed on it; by now more may be known of the fallbacks.
            agreed = now
        case NewAssociation():
            agreed = _followed_by(meant, replace(terms, verdict=verdict))
        case _:
            assert_never(verdict)
    return replace(
        agreed,
        local=now.local,
        remote_ice=now.remote_ice,
        without_ice=now.without_ice,
        unanswered=now.unanswered,
        ice_role=now.ice_role,
    )


def is_new_peer(
    before: AppliedDescription | None, remote: Sdp, was: TransportState, now: TransportState
) -> bool:
    """Tell whether another peer has come into the place of the former, as a page that reloads.

    The session id of a peer stays for the life of its session (RFC 8866 section 5.2). Programs that
    change it with each description are told by their DTLS association, which stays.

    Args:
        before: The peer's description that was in force; None where there was none.
        remote: The peer's description now.
        was: The transport as it was before the exchange.
        now: The transport as the exchange left it.
    """
    if before is None or not is_new_session(before.sdp, remote):
        return False
    ends = (was.association.remote, now.association.remote)
    fingerprints = [end.fingerprints for end in ends if end is not None]
    return len(fingerprints) == len(ends) and fingerprints[0] != fingerprints[1]


def is_new_session(before: Sdp, now: Sdp) -> bool:
    """Tell whether two descriptions are of two sessions (RFC 8866 section 5.2)."""
    former, present = before.session.origin, now.session.origin
    return (former.username, former.session_id) != (present.username, present.session_id)


def with_association_in_use(known: TransportState, number: int) -> TransportState:
    """Give the transport once packets under an association have come: older ones are no more."""
    serving = [terms for terms in known.fallbacks if terms.number >= number]
    return replace(known, fallbacks=tuple(serving)) if number <= known.association.number else known


def without_association(known: TransportState, number: int) -> TransportState:
    """Give the transport once the peer is known not to have taken an association up."""
    others = tuple(terms for terms in known.fallbacks if terms.number != number)
    if known.association.number != number or not others:
        return replace(known, fallbacks=others) if known.fallbacks else known
    return replace(known, association=others[-1], fallbacks=others[:-1])


def _followed_by(known: TransportState, terms: AssociationTerms) -> TransportState:
    return replace(known, association=terms, fallbacks=(*known.fallbacks, known.association))


def _as_peer_means(known: TransportState, remote: RemoteIdentity | None) -> TransportState:
    """Give the transport as it was when the association that the peer speaks of was the newest.

    A peer may have found before us that the newest one was not taken up.
    """
    for index, terms in enumerate(known.fallbacks):
        newest, older = known.association.remote, terms.remote
        if newest is None or older is None or remote is None or remote.tls_id is None:
            continue
        if older.tls_id == remote.tls_id != newest.tls_id:
            return replace(known, association=terms, fallbacks=known.fallbacks[:index])
    return known


def _is_agreed_already(known: TransportState, now: TransportState, terms: AssociationTerms) -> bool:
    """Tell whether `now` has the new association; its role may differ, the first one counts."""
    newest = now.association
    if not newest.agreed or newest.number <= known.association.number:
        return False
    return (newest.local, newest.remote) == (terms.local, terms.remote)


def _with_tls_id(terms: AssociationTerms, remote: RemoteIdentity) -> AssociationTerms:
    """Add the tls-id that a peer has begun to send for an association that goes on."""
    known = terms.remote
    if known is None or known.tls_id is not None or remote.tls_id is None:
        return terms
    return replace(terms, remote=RemoteIdentity(known.fingerprints, remote.tls_id))


def _has_fingerprints_of(before: AssociationTerms, after: AssociationTerms) -> bool:
    """Tell whether both ends show the certificates of the association that there is."""
    was, now = before.remote, after.remote
    return (
        was is not None
        and now is not None
        and set(was.fingerprints) == set(now.fingerprints)
        and set(before.local.fingerprints) == set(after.local.fingerprints)
    )


def _sends_tls_id(terms: AssociationTerms) -> bool:
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
