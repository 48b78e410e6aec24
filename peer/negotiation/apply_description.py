"""Steps that set a description: local or remote offer, answer and rollback (RFC 9429 5.8 to 5.11).

Every function takes a session and returns the next one, or raises and leaves nothing behind.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.negotiation.agreement import Exchange, agree, remote_streams
from peer.negotiation.association_change import with_local_half
from peer.negotiation.rekey_and_restart import without_fulfilled
from peer.negotiation.sdp.attributes import MediaDirection
from peer.negotiation.session import (
    AppliedDescription,
    DataSection,
    Session,
    Transceiver,
    TransceiverOrigin,
)
from peer.negotiation.signaling_state import Side, transition
from peer.negotiation.validation import (
    check_answer,
    check_description,
    check_offer_layout,
    check_verdicts,
    is_supported,
    offer_verdicts,
    offered_setup,
)

if TYPE_CHECKING:
    from peer.negotiation.created_description import CreatedDescription
    from peer.negotiation.profile import Profile
    from peer.negotiation.sdp.description import Sdp
    from peer.negotiation.sdp.sections import MediaSection
    from peer.rtp_parameters import MediaKind

#: Longest mid, in digits, that counts as a number (ours): a peer could make our mids long with one.
_MAX_DIGITS = 9


def apply_local_offer(session: Session, created: CreatedDescription) -> Session:
    """Set our offer, so that its m-sections get their mids and its transports exist."""
    session = _enter(session, Side.LOCAL, SdpType.OFFER, created.sdp)
    for key, mid in created.mids:
        # One that was stopped since leaves an m-section to nobody; the next offer takes it away.
        transceiver = session.transceiver(key)
        if transceiver is not None:
            session = session.with_transceiver(replace(transceiver, mid=mid))
    if session.data is not None and created.data_mid is not None:
        session = replace(session, data=replace(session.data, mid=created.data_mid))
    return _with_created(session, created)


def apply_local_answer(session: Session, created: CreatedDescription, kind: SdpType) -> Session:
    """Set our answer, provisional or final."""
    session = _with_created(_enter(session, Side.LOCAL, kind, created.sdp), created)
    offer = _offer(session.pending_remote)
    session = agree(session, Exchange(offer, created.sdp, answerer=Side.LOCAL), kind)
    return _conclude(session) if kind is SdpType.ANSWER else session


def apply_remote_offer(session: Session, sdp: Sdp, profile: Profile) -> Session:
    """Set the peer's offer, and find or make a transceiver for each m-section.

    Raises:
        DescriptionError: The offer cannot be accepted.
    """
    entered = _enter(session, Side.REMOTE, SdpType.OFFER, sdp)
    check_description(sdp, profile)
    check_offer_layout(session, sdp)
    verdicts = offer_verdicts(entered, sdp)
    check_verdicts(session, sdp, verdicts)
    entered = replace(entered, offer_verdicts=verdicts)
    for section in sdp.media:
        if section.rejected or not is_supported(section) or section.mid is None:
            continue
        # Refused now, and not when the answer cannot be made.
        offered_setup(sdp, section)
        if section.kind is None:
            entered = _associate_data(entered, section.mid)
        else:
            transceiver = _associate(entered, profile, sdp, section, section.kind)
            entered = entered.with_transceiver(_with_remote_track(transceiver, sdp, section))
    return entered


def apply_remote_answer(session: Session, sdp: Sdp, profile: Profile, kind: SdpType) -> Session:
    """Set the peer's answer, provisional or final.

    Raises:
        DescriptionError: The answer does not answer our offer, or cannot be accepted.
    """
    earlier = session.pending_remote
    session = _enter(session, Side.REMOTE, kind, sdp)
    offer = _offer(session.pending_local)
    check_description(sdp, profile)
    check_answer(offer, sdp)
    provisional = None if earlier is None else earlier.sdp
    exchange = Exchange(offer, sdp, answerer=Side.REMOTE, provisional=provisional)
    session = agree(session, exchange, kind)
    return _conclude(session) if kind is SdpType.ANSWER else session


def roll_back(session: Session, side: Side) -> Session:
    """Return to the stable session, with the changes that the application made meanwhile.

    Raises:
        InvalidStateError: There is no offer to take back.
    """
    transition(session.state, side, SdpType.ROLLBACK)
    stable = session.stable
    if stable is None:
        raise AssertionError("a session that is not stable knows the last one that was")
    data = stable.data
    if session.data is not None and session.data.requested:
        data = replace(data or DataSection(), requested=True)
    returned = (_returned(t, stable.transceiver(t.key)) for t in session.transceivers)
    return replace(
        stable,
        # It has the candidates that came meanwhile.
        current_remote=session.current_remote,
        data=data,
        transceivers=tuple(transceiver for transceiver in returned if transceiver is not None),
        next_mid=session.next_mid,
        made=session.made,
        rekey=session.rekey,
        credentials_to_replace=session.credentials_to_replace,
    )


def _enter(session: Session, side: Side, kind: SdpType, sdp: Sdp) -> Session:
    """Move the state, keep the stable session, and make the description the pending one."""
    moved = replace(
        session,
        state=transition(session.state, side, kind),
        stable=session.stable or session,
        next_mid=max(session.next_mid, *(_after(section.mid) for section in sdp.media), 0),
    )
    described = AppliedDescription(kind, sdp)
    if side is Side.LOCAL:
        return replace(moved, pending_local=described)
    return replace(moved, pending_remote=described)


def _after(mid: str | None) -> int:
    if mid is None or len(mid) > _MAX_DIGITS or not (mid.isascii() and mid.isdigit()):
        return 0
    return int(mid) + 1


def _conclude(session: Session) -> Session:
    """Make the pending descriptions the current ones at the end of an exchange."""
    return replace(
        without_fulfilled(session),
        offer_verdicts={},
        current_local=session.pending_local,
        current_remote=session.pending_remote,
        pending_local=None,
        pending_remote=None,
        stable=None,
    )


def _offer(pending: AppliedDescription | None) -> Sdp:
    if pending is None:
        raise AssertionError("a state in which an answer can be set has an offer")
    return pending.sdp


def _with_created(session: Session, created: CreatedDescription) -> Session:
    for transport in created.transports:
        now, known = session.transport(transport.key), session.stable_transport(transport.key)
        ours, ice = transport.association.local, transport.local
        if now is None:
            session = session.with_transport(transport)
        elif known is not None and (now.association.local, now.local) != (ours, ice):
            # It may have changed since the description was created: what that says, stands.
            session = session.with_transport(with_local_half(known, ours, ice))
    return replace(session, fingerprints=created.fingerprints).with_routes(created.routes)


def _associate_data(session: Session, mid: str) -> Session:
    if session.data is None:
        return replace(session, data=DataSection(mid=mid))
    if session.data.mid is None:
        return replace(session, data=replace(session.data, mid=mid))
    return session


def _associate(
    session: Session, profile: Profile, sdp: Sdp, section: MediaSection, kind: MediaKind
) -> Transceiver:
    """Find the transceiver of the mid, one that addTrack made, or make one (RFC 9429 5.10)."""
    known = session.transceiver_of(section.mid)
    if known is not None:
        return known
    if sdp.direction(section).receives:
        for transceiver in session.transceivers:
            if (
                transceiver.origin is TransceiverOrigin.ADD_TRACK
                and transceiver.mid is None
                and transceiver.kind is kind
            ):
                return replace(transceiver, mid=section.mid)
    made = new_transceiver(
        session,
        profile,
        kind=kind,
        origin=TransceiverOrigin.REMOTE_OFFER,
        direction=MediaDirection.RECVONLY,
    )
    return replace(made, mid=section.mid)


def new_transceiver(
    session: Session,
    profile: Profile,
    *,
    kind: MediaKind,
    origin: TransceiverOrigin,
    direction: MediaDirection,
) -> Transceiver:
    """Make a transceiver that has no m-section yet."""
    return Transceiver(
        key=session.made,
        kind=kind,
        origin=origin,
        direction=direction,
        ssrc=_ssrc(profile),
        rtx_ssrc=_ssrc(profile),
        track_id=str(uuid.UUID(bytes=profile.random(16), version=4)),
    )


def _ssrc(profile: Profile) -> int:
    return int.from_bytes(profile.random(4)) or 1


def _with_remote_track(transceiver: Transceiver, sdp: Sdp, section: MediaSection) -> Transceiver:
    """Take note of what the peer says of its sending (webrtc-pc 5.1.1: process remote tracks)."""
    return replace(
        transceiver,
        receiving=sdp.direction(section).sends and not transceiver.stopping,
        remote_streams=remote_streams(section),
    )


def _returned(transceiver: Transceiver, stable: Transceiver | None) -> Transceiver | None:
    """Roll one transceiver back; None where it ends by that (webrtc-pc section 4.4.1.5)."""
    if stable is not None:
        transceiver = replace(
            transceiver,
            mid=stable.mid,
            current_direction=stable.current_direction,
            has_sent=stable.has_sent,
            receiving=stable.receiving and not transceiver.stopping,
            remote_streams=stable.remote_streams,
            agreement=stable.agreement,
        )
    else:
        if transceiver.origin is TransceiverOrigin.REMOTE_OFFER and not transceiver.has_track:
            return None
        tracked = transceiver.origin is TransceiverOrigin.REMOTE_OFFER
        transceiver = replace(
            transceiver,
            mid=None,
            origin=TransceiverOrigin.ADD_TRACK if tracked else transceiver.origin,
            receiving=False,
            remote_streams=(),
        )
    return None if transceiver.stopping and transceiver.mid is None else transceiver
