"""Checks of what holds of every session, and of two sessions that have agreed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from peer.configuration import SdpLimits
from peer.configuration.sdp_leniency import DEFAULT_LENIENCY
from peer.descriptions import SdpType
from peer.negotiation.leniency import read_description
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.validation import check_answer
from peer.states import DtlsRole, SignalingState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.negotiation.offer_answer import OfferAnswer
    from peer.negotiation.session import (
        AppliedDescription,
        AssociationTerms,
        Session,
        Transceiver,
        TransportState,
    )
    from peer.rtp_parameters import Codec

_S, _T = SignalingState, SdpType

#: Descriptions of which the checks are remembered.
_KEPT = 64
#: Digits of a mid that is no number any more.
_LONG_MID = 10

#: The types of the pending descriptions, local and remote, in each state.
PENDING = {
    _S.STABLE: (None, None),
    _S.HAVE_LOCAL_OFFER: (_T.OFFER, None),
    _S.HAVE_REMOTE_OFFER: (None, _T.OFFER),
    _S.HAVE_LOCAL_PRANSWER: (_T.PRANSWER, _T.OFFER),
    _S.HAVE_REMOTE_PRANSWER: (_T.OFFER, _T.PRANSWER),
}


def check_session(session: Session) -> None:
    """Everything that holds in every state."""
    pending = tuple(d and d.type for d in (session.pending_local, session.pending_remote))
    assert pending == PENDING[session.state]
    assert (session.stable is None) == (session.state is _S.STABLE)
    if session.stable is not None:
        check_session(session.stable)
    _check_descriptions(session)
    _check_transceivers(session)
    _check_transports(session)


def check_agreement(left: OfferAnswer, right: OfferAnswer, *, numbered: bool = True) -> None:
    """What holds of two ends that have nothing left to say.

    Args:
        left: One.
        right: The other.
        numbered: They count their associations alike: none was given up by one before the other.
    """
    one, other = left.session, right.session
    assert one.state is other.state is _S.STABLE
    assert not left.negotiation_needed
    assert not right.negotiation_needed
    assert _text(one.current_local) == _text(other.current_remote)
    assert _text(one.current_remote) == _text(other.current_local)
    _check_same_transports(one, other, numbered=numbered)
    assert _mids(one) == _mids(other)
    for transceiver in one.transceivers:
        partner = other.transceiver_of(transceiver.mid)
        assert partner is not None
        _check_same_agreement(transceiver, partner)
    assert (one.data is None) == (other.data is None)
    if one.data is not None and other.data is not None:
        assert one.data.mid == other.data.mid
        assert one.data.remote_port == other.data.remote_port == 5000


def as_read(sdp: Sdp) -> Sdp:
    """A description as a peer of ours reads it: data channels may be in the form of old drafts."""
    if not any(section.has("sctpmap") for section in sdp.media):
        return sdp
    read, _ = read_description(
        str(sdp), SdpLimits(), rules=DEFAULT_LENIENCY, max_candidates=1000, is_answer=True
    )
    return read


def _check_descriptions(session: Session) -> None:
    present = (
        session.current_local,
        session.pending_local,
        session.current_remote,
        session.pending_remote,
    )
    for described in present:
        if described is not None:
            mids = [s.mid for s in described.sdp.media if s.mid and s.mid.isdigit()]
            # A mid of the peer that is longer is no number: ours would become as long.
            numbers = [int(mid) for mid in mids if len(mid) < _LONG_MID]
            assert max(numbers, default=-1) < session.next_mid
    ours = (each.sdp for each in (session.current_local, session.pending_local) if each)
    assert all(map(_comes_back, ours))
    halves = session.current_local, session.current_remote
    types = {described.type for described in halves if described is not None}
    assert types in (set(), {_T.OFFER, _T.ANSWER})
    by_type = {described.type: described.sdp for described in halves if described is not None}
    if by_type:
        _check_answers(by_type[_T.OFFER], by_type[_T.ANSWER])


@lru_cache(maxsize=_KEPT)
def _comes_back(sdp: Sdp) -> bool:
    """Whether a description is read again as it is; most steps leave descriptions alone."""
    return Sdp.parse(str(sdp)) == sdp


@lru_cache(maxsize=_KEPT)
def _check_answers(offer: Sdp, answer: Sdp) -> None:
    check_answer(as_read(offer), as_read(answer))


def _check_transceivers(session: Session) -> None:
    keys = [transceiver.key for transceiver in session.transceivers]
    assert len(set(keys)) == len(keys)
    assert max(keys, default=-1) < session.made
    mids = _mids(session)
    assert len(set(mids)) == len(mids)
    sections = {section.mid: section for section in session.layout}
    for transceiver in session.transceivers:
        assert (transceiver.agreement is None) == (transceiver.current_direction is None)
        assert not (transceiver.stopping and transceiver.receiving)
        if transceiver.mid is None:
            assert not transceiver.stopping
            assert transceiver.agreement is None
        elif session.state is _S.STABLE:
            assert sections[transceiver.mid].media_line.media == transceiver.kind
            assert transceiver.agreement is not None
            assert transceiver.agreement.send
            assert transceiver.agreement.receive


def _check_transports(session: Session) -> None:
    keys = [transport.key for transport in session.transports]
    assert len(set(keys)) == len(keys)
    assert set(session.routes.values()) <= set(keys)
    for transport in session.transports:
        _check_terms(transport)
    if session.state is _S.STABLE:
        assert set(session.routes.values()) == set(keys)
        ends = [(t.remote_ice is None, t.without_ice is None) for t in session.transports]
        assert all(t.association.agreed or not t.uses_dtls for t in session.transports)
        assert all(end in ((True, False), (False, True)) for end in ends)
        live = {
            section.mid
            for i, section in enumerate(session.layout)
            if i not in session.recyclable_sections
        }
        assert set(session.routes) == live
    owned = [t.mid for t in session.transceivers if t.agreement is not None]
    if session.data is not None and session.data.remote_port is not None:
        owned.append(session.data.mid)
    for mid in owned:
        carrier = session.carrier([mid or ""])
        assert carrier is not None
        assert carrier.agreed


def _check_terms(transport: TransportState) -> None:
    """An association follows those that serve until it is known to be in use."""
    assert (transport.association.remote is None) == (transport.association.role is None)
    assert all(terms.agreed for terms in transport.fallbacks)
    numbers = [terms.number for terms in (*transport.fallbacks, transport.association)]
    assert numbers == sorted(set(numbers))


def _check_same_transports(one: Session, other: Session, *, numbered: bool) -> None:
    assert one.routes.keys() == other.routes.keys()
    ends = {(key, other.route(mid)) for mid, key in one.routes.items()}
    assert len(ends) == len(one.transports) == len(other.transports)
    for ours, theirs in ends:
        left, right = one.transport(ours), other.transport(theirs or "")
        assert left is not None
        assert right is not None
        _check_same_terms(left.association, right.association, numbered=numbered)
        assert (left.remote_ice, right.remote_ice) == (right.local, left.local)
        assert left.ice_role is not right.ice_role


def _check_same_terms(left: AssociationTerms, right: AssociationTerms, *, numbered: bool) -> None:
    assert not numbered or left.number == right.number
    for ours, theirs in ((left, right), (right, left)):
        assert ours.remote is not None
        assert ours.remote.fingerprints == theirs.local.fingerprints
        assert ours.remote.tls_id == theirs.local.tls_id
    assert {left.role, right.role} == {DtlsRole.CLIENT, DtlsRole.SERVER}


def _check_same_agreement(one: Transceiver, other: Transceiver) -> None:
    assert one.kind is other.kind
    assert one.current_direction is not None
    assert other.current_direction is not None
    assert one.current_direction is other.current_direction.reversed
    assert one.receiving == one.current_direction.receives
    assert one.agreement is not None
    assert other.agreement is not None
    assert _numbers(one.agreement.send) == _numbers(other.agreement.receive)
    assert _numbers(one.agreement.receive) == _numbers(other.agreement.send)
    assert one.agreement.extensions == other.agreement.extensions


def _mids(session: Session) -> set[str]:
    mids = [t.mid for t in session.transceivers if t.mid is not None]
    if session.data is not None and session.data.mid is not None:
        mids.append(session.data.mid)
    assert len(set(mids)) == len(mids)
    return set(mids)


def _numbers(codecs: Iterable[Codec]) -> dict[int, str]:
    return {codec.payload_type: codec.name for codec in codecs}


def _text(described: AppliedDescription | None) -> str:
    """A description without candidates, which come to each side at their own time."""
    if described is None:
        return ""
    sections = [s.without("candidate", "end-of-candidates") for s in described.sdp.media]
    return "".join(map(str, (described.sdp.session, *sections)))
