"""Owns what each description does to the session: local and remote, offer, answer and rollback.

Every function takes a session and returns the next one, or raises and leaves nothing behind.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.errors import InvalidStateError
from peer.negotiation.attributes import Direction
from peer.negotiation.session import Birth, DataSection, Described, Session, Transceiver
from peer.negotiation.settling import Exchange, check_modification, remote_transport, settle
from peer.negotiation.state import Side, transition
from peer.negotiation.validation import (
    check_answer,
    check_description,
    check_offer_layout,
    is_supported,
    offered_setup,
)

if TYPE_CHECKING:
    from peer.negotiation.created import Created
    from peer.negotiation.profile import Profile
    from peer.negotiation.sdp import MediaSection, Sdp
    from peer.rtp_parameters import MediaKind


def apply_local_offer(session: Session, created: Created) -> Session:
    """Set our offer: its m-sections get their mids, its transports exist from now on."""
    session = _enter(session, Side.LOCAL, SdpType.OFFER, created.sdp)
    for key, mid in created.mids:
        transceiver = session.transceiver(key)
        if transceiver is not None:
            session = session.with_transceiver(replace(transceiver, mid=mid))
    if session.data is not None and created.data_mid is not None:
        session = replace(session, data=replace(session.data, mid=created.data_mid))
    return _with_created(session, created)


def apply_local_answer(session: Session, created: Created, kind: SdpType) -> Session:
    """Set our answer, provisional or final."""
    offer = _pending(session, Side.REMOTE)
    session = _with_created(_enter(session, Side.LOCAL, kind, created.sdp), created)
    session = settle(session, Exchange(offer, created.sdp, answerer=Side.LOCAL), kind)
    return _conclude(session) if kind is SdpType.ANSWER else session


def apply_remote_offer(session: Session, sdp: Sdp, profile: Profile) -> Session:
    """Take the peer's offer: find or make a transceiver for each m-section.

    Raises:
        DescriptionError: The offer cannot be accepted.
    """
    check_description(sdp, profile)
    check_offer_layout(session, sdp)
    _check_modifications(session, sdp)
    session = _enter(session, Side.REMOTE, SdpType.OFFER, sdp)
    for section in sdp.media:
        if section.rejected or not is_supported(section) or section.mid is None:
            continue
        # Refused now, and not when there is no answer to it.
        offered_setup(sdp, section)
        if section.kind is None:
            session = _associate_data(session, section.mid)
        else:
            transceiver = _associate(session, profile, sdp, section, section.kind)
            session = session.with_transceiver(_heard(transceiver, sdp, section))
    return session


def apply_remote_answer(session: Session, sdp: Sdp, profile: Profile, kind: SdpType) -> Session:
    """Take the peer's answer, provisional or final.

    Raises:
        DescriptionError: The answer does not answer our offer, or cannot be accepted.
    """
    offer = _pending(session, Side.LOCAL)
    check_description(sdp, profile)
    check_answer(offer, sdp)
    session = _enter(session, Side.REMOTE, kind, sdp)
    session = settle(session, Exchange(offer, sdp, answerer=Side.REMOTE), kind)
    for section in sdp.media:
        transceiver = session.transceiver_of(section.mid)
        if transceiver is not None and not section.rejected:
            session = session.with_transceiver(_heard(transceiver, sdp, section))
    return _conclude(session) if kind is SdpType.ANSWER else session


def roll_back(session: Session, side: Side) -> Session:
    """Return to the stable session; what the application wished for meanwhile stays wished for.

    Raises:
        InvalidStateError: There is no offer of that side to take back.
    """
    transition(session.state, side, SdpType.ROLLBACK)
    stable = session.stable
    if stable is None:
        raise InvalidStateError("there is no session to return to")
    data = stable.data
    if session.data is not None and session.data.wanted:
        data = replace(data or DataSection(), wanted=True)
    returned = (_returned(t, stable.transceiver(t.key)) for t in session.transceivers)
    return replace(
        stable,
        version=session.version,
        mids=session.mids,
        made=session.made,
        data=data,
        transceivers=tuple(transceiver for transceiver in returned if transceiver is not None),
    )


def _enter(session: Session, side: Side, kind: SdpType, sdp: Sdp) -> Session:
    """Move the state, keep the way back, and put the description in its pending place."""
    state = transition(session.state, side, kind)
    mids = session.mids | {section.mid for section in sdp.media if section.mid is not None}
    moved = replace(session, state=state, stable=session.stable or session, mids=mids)
    described = Described(kind, sdp)
    if side is Side.LOCAL:
        return replace(moved, pending_local=described, version=session.version + 1)
    return replace(moved, pending_remote=described)


def _conclude(session: Session) -> Session:
    """The exchange is complete: what was pending is in force."""
    return replace(
        session,
        current_local=session.pending_local,
        current_remote=session.pending_remote,
        pending_local=None,
        pending_remote=None,
        stable=None,
    )


def _pending(session: Session, side: Side) -> Sdp:
    described = session.pending_local if side is Side.LOCAL else session.pending_remote
    if described is None:
        raise InvalidStateError("there is no offer to answer")
    return described.sdp


def _with_created(session: Session, created: Created) -> Session:
    for transport in created.transports:
        if session.transport(transport.key) is None:
            session = session.with_transport(transport)
    return session.with_routes(created.routes)


def _check_modifications(session: Session, offer: Sdp) -> None:
    for section in offer.media:
        key = session.route(section.mid or "")
        transport = session.transport(key) if key is not None else None
        if transport is None or transport.remote is None or section.rejected:
            continue
        grouped = any(section.mid in group.mids[1:] for group in offer.bundle_groups)
        # RFC 8843 section 7.1.3: transport attributes count on the tagged m-section only.
        if is_supported(section) and not grouped:
            check_modification(transport.remote, remote_transport(offer, section), section)


def _associate_data(session: Session, mid: str) -> Session:
    if session.data is None:
        return replace(session, data=DataSection(mid=mid))
    if session.data.mid is None:
        return replace(session, data=replace(session.data, mid=mid))
    return session


def _associate(
    session: Session, profile: Profile, sdp: Sdp, section: MediaSection, kind: MediaKind
) -> Transceiver:
    """RFC 9429 section 5.10: the transceiver of the mid, one that addTrack made, or a new one."""
    known = session.transceiver_of(section.mid)
    if known is not None:
        return known
    if sdp.direction(section).receives:
        for transceiver in session.transceivers:
            if (
                transceiver.birth is Birth.ADD_TRACK
                and transceiver.mid is None
                and transceiver.kind is kind
                and not transceiver.stopping
            ):
                return replace(transceiver, mid=section.mid)
    made = new_transceiver(
        session, profile, kind=kind, birth=Birth.REMOTE_OFFER, direction=Direction.RECVONLY
    )
    return replace(made, mid=section.mid)


def new_transceiver(
    session: Session, profile: Profile, *, kind: MediaKind, birth: Birth, direction: Direction
) -> Transceiver:
    """A transceiver that has no m-section yet."""
    return Transceiver(
        key=session.made,
        kind=kind,
        birth=birth,
        direction=direction,
        ssrc=_ssrc(profile),
        rtx_ssrc=_ssrc(profile),
        track_id=str(uuid.UUID(bytes=profile.random(16), version=4)),
    )


def _ssrc(profile: Profile) -> int:
    return int.from_bytes(profile.random(4)) or 1


def _heard(transceiver: Transceiver, sdp: Sdp, section: MediaSection) -> Transceiver:
    """What the peer says of its own sending (webrtc-pc 4.4.1.5: process remote tracks)."""
    streams = dict.fromkeys(msid.stream for msid in section.msids if msid.stream != "-")
    return replace(
        transceiver,
        receiving=sdp.direction(section).sends,
        remote_streams=tuple(streams),
    )


def _returned(transceiver: Transceiver, stable: Transceiver | None) -> Transceiver | None:
    """One transceiver after a rollback, or None where it goes (webrtc-pc section 4.4.1.5)."""
    if stable is None:
        if transceiver.birth is Birth.REMOTE_OFFER and not transceiver.has_track:
            return None
        return replace(
            transceiver,
            mid=None,
            birth=Birth.ADD_TRACK if transceiver.has_track else transceiver.birth,
            current_direction=None,
            receiving=False,
            agreement=None,
        )
    return replace(
        transceiver,
        mid=stable.mid,
        stopped=stable.stopped,
        current_direction=stable.current_direction,
        receiving=stable.receiving,
        remote_streams=stable.remote_streams,
        agreement=stable.agreement,
    )
