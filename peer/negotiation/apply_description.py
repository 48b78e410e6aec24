"""Steps that set a description: local or remote offer, answer and rollback (RFC 9429 5.8 to 5.11).

Every function takes a session and returns the next one, or raises and leaves nothing behind. An
answer, made by either end, brings agreement: media, data and transports are agreed m-section by
m-section; a BUNDLE group has the transport of its tagged m-section (RFC 9143 section 7.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.errors import DescriptionError, ModificationError
from peer.negotiation.agreed_transport import AnsweredOffer, agreed_transport
from peer.negotiation.application_changes import stopped
from peer.negotiation.associated_transceivers import (
    AssociatedTransceivers,
    associate_data,
    remote_streams,
)
from peer.negotiation.association import (
    with_local_half,
)
from peer.negotiation.codecs import (
    answering_nack,
    described_codecs,
    media_first,
    prefers_redundancy,
    shared_codecs,
)
from peer.negotiation.header_extensions import agreed_directions
from peer.negotiation.keying import check_no_downgrade
from peer.negotiation.session import (
    Agreement,
    AppliedDescription,
    DataSection,
    Session,
    Side,
    Transceiver,
    TransceiverOrigin,
    transition,
)
from peer.negotiation.simulcast import (
    LAYER_LIMIT,
    agreed_layers,
    agreed_rids,
    remaining_layers,
)
from peer.negotiation.validation import (
    check_answer,
    check_description,
    check_extension_ids,
    check_offer_layout,
    check_verdicts,
    is_supported,
    offer_verdicts,
    offered_setup,
)
from peer.negotiation.without_ice import check_kept
from peer.rtp_parameters import HeaderExtension, MediaKind
from peer.states import MediaEncryption
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.negotiation.created_description import CreatedDescription
    from peer.negotiation.profile import Profile
    from peer.negotiation.sdp.description import MediaSection, Sdp
    from peer.negotiation.session import TransportState

#: SCTP port of an m-section without a=sctp-port (RFC 8841 section 5.2).
_DEFAULT_SCTP_PORT = 5000
#: Bytes of the largest message where a=max-message-size is missing (RFC 8841 section 6.1).
_DEFAULT_MAX_MESSAGE_SIZE = 65536
_NONE = frozenset[str]()
#: Longest mid, in digits, that counts as a number (ours): a peer could make our mids long with one.
_MAX_DIGITS = 9


def apply_local_offer(session: Session, created: CreatedDescription) -> Session:
    """Set our offer, so that its m-sections get their mids and its transports exist."""
    session = _enter(session, Side.LOCAL, SdpType.OFFER, created.sdp)
    # One that was stopped since leaves an m-section to nobody; the next offer takes it away.
    found = ((session.transceiver(key), mid) for key, mid in created.mids)
    session = session.with_transceivers(replace(t, mid=mid) for t, mid in found if t is not None)
    if session.data is not None and created.data_mid is not None:
        session = replace(session, data=replace(session.data, mid=created.data_mid))
    return _with_created(session, created)


def apply_local_answer(session: Session, created: CreatedDescription, kind: SdpType) -> Session:
    """Set our answer, provisional or final."""
    session = _with_created(_enter(session, Side.LOCAL, kind, created.sdp), created)
    offer = _offer(session.pending_remote)
    session = _agree(session, AnsweredOffer(offer, created.sdp, answerer=Side.LOCAL), kind)
    return _conclude(session) if kind is SdpType.ANSWER else session


def apply_remote_offer(session: Session, sdp: Sdp, profile: Profile) -> Session:
    """Set the peer's offer, and find or make a transceiver for each m-section.

    Raises:
        DescriptionError: The offer cannot be accepted.
    """
    entered = _enter(_without_replaced(session, sdp), Side.REMOTE, SdpType.OFFER, sdp)
    check_description(sdp, profile)
    check_no_downgrade(session, sdp)
    check_offer_layout(session, sdp)
    check_kept(session, sdp)
    check_extension_ids(session, sdp)
    verdicts = offer_verdicts(entered, sdp)
    check_verdicts(session, sdp, verdicts)
    entered = replace(entered, offer_verdicts=verdicts)
    entered = entered.with_transceivers(_rejected(entered, sdp))
    associated = AssociatedTransceivers(entered, profile)
    for section in sdp.media:
        if section.rejected or not is_supported(section) or section.mid is None:
            continue
        # Refused now, and not when the answer cannot be made.
        offered_setup(sdp, section)
        if section.kind is None:
            entered = associate_data(entered, section.mid)
        else:
            associated.add(sdp, section, section.kind)
    return entered.with_transceivers(associated.transceivers.values())


def _rejected(session: Session, sdp: Sdp) -> Iterator[Transceiver]:
    """End the transceivers whose m-sections an offer rejects (webrtc-pc section 4.4.1.5)."""
    for section in sdp.media:
        known = session.transceiver_of(section.mid) if section.rejected else None
        if known is not None:
            yield stopped(replace(known, ended=True))


def apply_remote_answer(session: Session, sdp: Sdp, profile: Profile, kind: SdpType) -> Session:
    """Set the peer's answer, provisional or final.

    Raises:
        DescriptionError: The answer does not answer our offer, or cannot be accepted.
    """
    earlier, before = session.pending_remote, session
    session = _enter(session, Side.REMOTE, kind, sdp)
    offer = _offer(session.pending_local)
    check_description(sdp, profile)
    check_no_downgrade(session, sdp)
    check_answer(offer, sdp)
    check_kept(before, sdp)
    check_extension_ids(before, sdp)
    provisional = None if earlier is None else earlier.sdp
    exchange = AnsweredOffer(offer, sdp, answerer=Side.REMOTE, provisional=provisional)
    session = _agree(session, exchange, kind)
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
    returned = (_returned(t, stable.transceiver(t.key)) for t in session.transceivers)
    return replace(
        stable,
        # It has the candidates that came meanwhile.
        current_remote=session.current_remote,
        data=_returned_data(session, stable),
        transceivers=tuple(transceiver for transceiver in returned if transceiver is not None),
        next_mid=session.next_mid,
        made=session.made,
        rekey=session.rekey,
        credentials_to_replace=session.credentials_to_replace,
        was_encrypted=session.was_encrypted,
        was_dtls=session.was_dtls,
    )


def _without_replaced(session: Session, sdp: Sdp) -> Session:
    """Take back what the peer's pending offer brought, where the one in its place has it no more.

    Args:
        session: The session; one without such an offer is given back as it is.
        sdp: The offer that replaces the pending one.
    """
    stable = session.stable
    if stable is None or session.pending_remote is None:
        return session
    kinds = {s.mid: s.kind for s in sdp.media if not s.rejected and is_supported(s)}

    def kept(transceiver: Transceiver) -> Transceiver | None:
        known, mid = stable.transceiver(transceiver.key), transceiver.mid
        is_old = mid == (None if known is None else known.mid)
        stays = is_old or kinds.get(mid) is transceiver.kind
        return transceiver if stays else _returned(transceiver, known)

    data = session.data
    if data is not None and not (data.mid in kinds and kinds[data.mid] is None):
        data = _returned_data(session, stable)
    found = map(kept, session.transceivers)
    return replace(session, data=data, transceivers=tuple(t for t in found if t is not None))


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
        _without_fulfilled(session),
        offer_verdicts={},
        current_local=session.pending_local,
        current_remote=session.pending_remote,
        pending_local=None,
        pending_remote=None,
        stable=None,
    )


def _without_fulfilled(session: Session) -> Session:
    """Drop the requests that an exchange has fulfilled, at its end.

    Args:
        session: Its pending descriptions are about to be the current ones.
    """
    rekey, replaced = session.rekey, session.credentials_to_replace
    # An exchange of the peer's that happened to ask for new associations will do.
    kept = [t for t in session.stable_transports if session.transport(t.key) is not None]
    if kept and all(_is_renewed(session, transport) for transport in kept):
        rekey = None
    if session.pending_local is not None:
        # webrtc-pc section 4.4.1.5: "if none of the ICE credentials ... exist in description".
        sdp = session.pending_local.sdp
        shown = {sdp.transport_ice(section) for section in sdp.media if not section.rejected}
        if not any((ice.username_fragment, ice.password) in shown for ice in replaced):
            replaced = frozenset()
    return replace(session, rekey=rekey, credentials_to_replace=replaced)


def _is_renewed(session: Session, known: TransportState) -> bool:
    now = session.transport(known.key)
    return now is not None and now.association.number > known.association.number


def _offer(pending: AppliedDescription | None) -> Sdp:
    if pending is None:
        raise AssertionError("a state in which an answer can be set has an offer")
    return pending.sdp


def _with_created(session: Session, created: CreatedDescription) -> Session:
    changed: list[TransportState] = []
    for transport in created.transports:
        now, known = session.transport(transport.key), session.stable_transport(transport.key)
        ours, ice = transport.association.local, transport.local
        if now is None:
            changed.append(transport)
        elif known is not None and (now.association.local, now.local) != (ours, ice):
            # It may have changed since the description was created: what that says, stands.
            changed.append(replace(with_local_half(known, ours, ice), sdes=transport.sdes))
        elif now.sdes != transport.sdes and now.sdes is not None:
            changed.append(replace(now, sdes=transport.sdes))
    session = session.with_transports(changed)
    return replace(session, fingerprints=created.fingerprints).with_routes(created.routes)


def _returned_data(session: Session, stable: Session) -> DataSection | None:
    """Roll the m-section of the data channels back; the application may still wish for it."""
    data = session.data
    if data is None:
        return stable.data
    returned = replace(stable.data or DataSection(), requested=data.requested, leads=data.leads)
    is_wished = data.requested or data.leads
    return returned if is_wished or returned.mid is not None else None


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
            layers=stable.layers,
        )
    else:
        if transceiver.origin is TransceiverOrigin.REMOTE_OFFER and not transceiver.has_track:
            return None
        tracked = transceiver.origin is TransceiverOrigin.REMOTE_OFFER
        transceiver = replace(
            transceiver,
            mid=None,
            layers=() if tracked else transceiver.layers,
            origin=TransceiverOrigin.ADD_TRACK if tracked else transceiver.origin,
            receiving=False,
            remote_streams=(),
        )
    return None if transceiver.stopping and transceiver.mid is None else transceiver


def _agree(session: Session, exchange: AnsweredOffer, kind: SdpType) -> Session:
    """Apply an answer, provisional or final, to a session that has the offer.

    Raises:
        DescriptionError: The two halves do not make a session.
    """
    session = session.with_routes(_bundled_routes(session, exchange))
    transports: dict[str, TransportState] = {}
    transceivers: list[Transceiver] = []
    data = session.data
    for offered, answered in exchange.accepted:
        transport = agreed_transport(session, exchange, offered, answered)
        if transport is not None:
            _check_same(transports.setdefault(transport.key, transport), transport, offered.mid)
        transceiver = session.transceiver_of(offered.mid)
        if transceiver is not None:
            agreed = _agree_transceiver(transceiver, exchange, offered, answered)
            if kind is SdpType.ANSWER and agreed.agreement is not None:
                # For good: a later description cannot bring back what an answer has left out.
                agreed = replace(
                    agreed,
                    layers=remaining_layers(agreed),
                    extensions_to_negotiate=agreed.agreement.directions,
                )
            transceivers.append(agreed)
        elif data is not None and data.mid == offered.mid:
            data = _agreed_data(data, exchange.theirs(offered, answered))
    session = session.with_transports(transports.values()).with_transceivers(transceivers)
    found = {transport.encryption for transport in session.transports if transport.agreed}
    was_dtls = session.was_dtls or MediaEncryption.DTLS_SRTP in found
    was_encrypted = session.was_encrypted or was_dtls or MediaEncryption.SDES_SRTP in found
    session = replace(session, data=data, was_encrypted=was_encrypted, was_dtls=was_dtls)
    return _without_rejected(session, exchange) if kind is SdpType.ANSWER else session


def _check_same(one: TransportState, other: TransportState, mid: str | None) -> None:
    """Check that m-sections of one transport, but of no BUNDLE group, do not contradict each other.

    A group that is left out moves no m-section, so that each speaks for the transport, and one
    could name a certificate that the others do not.
    """
    if one != other:
        raise ModificationError(
            "m-sections of one transport have different ICE or DTLS attributes", mid=mid
        )


def _agreed_data(data: DataSection, theirs: MediaSection) -> DataSection:
    port, size = theirs.sctp_port, theirs.max_message_size
    return replace(
        data,
        remote_port=_DEFAULT_SCTP_PORT if port is None else port,
        remote_max_message_size=_DEFAULT_MAX_MESSAGE_SIZE if size is None else size,
    )


def _agree_transceiver(
    transceiver: Transceiver, exchange: AnsweredOffer, offered: MediaSection, answered: MediaSection
) -> Transceiver:
    theirs = exchange.theirs(offered, answered)
    ours = offered if theirs is answered else answered
    our_codecs = described_codecs(ours, transceiver.kind)
    their_codecs = described_codecs(theirs, transceiver.kind)
    shared = shared_codecs(their_codecs, our_codecs)
    send = media_first(shared)
    if not send:
        raise DescriptionError("the answer accepts none of the codecs offered", mid=offered.mid)
    if transceiver.kind is MediaKind.AUDIO:
        send = answering_nack(send, our_codecs)
    # Seen from the answerer; an answer may only narrow what was offered.
    direction = exchange.answer.direction(answered).intersect(
        exchange.offer.direction(offered).reversed
    )
    if exchange.answerer is Side.REMOTE:
        direction = direction.reversed
    directions = agreed_directions(
        offered.extmaps, answered.extmaps, is_answerer=exchange.answerer is Side.LOCAL
    )
    ssrcs, rtx = _announced_ssrcs(theirs)
    sent, paused = agreed_layers(ours=ours, theirs=theirs) if transceiver.layers else ((), _NONE)
    return replace(
        transceiver,
        current_direction=direction,
        has_sent=transceiver.has_sent or direction.sends,
        receiving=direction.receives and not transceiver.stopping,
        remote_streams=remote_streams(theirs),
        agreement=Agreement(
            send=send,
            receive=shared_codecs(our_codecs, their_codecs),
            extensions=tuple(
                HeaderExtension(e.id, e.uri) for e in answered.extmaps if e.uri in directions.named
            ),
            directions=directions,
            ssrcs=ssrcs,
            rtx=rtx,
            rids=theirs.sent_rids,
            simulcast=agreed_rids(ours=ours, theirs=theirs) if theirs.has("simulcast") else (),
            simulcast_ssrcs=_simulcast_ssrcs(theirs),
            redundancy=prefers_redundancy(shared, transceiver.preferences),
            sent_rids=sent,
            paused_rids=paused,
        ),
    )


def _announced_ssrcs(
    section: MediaSection,
) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    rtx = tuple(
        (group.ssrcs[1], group.ssrcs[0])
        for group in section.ssrc_groups
        if group.semantics == "FID" and len(group.ssrcs) == 2
    )
    repairing = {pair[0] for pair in rtx}
    announced = dict.fromkeys(item.ssrc for item in section.ssrcs)
    return tuple(ssrc for ssrc in announced if ssrc not in repairing), rtx


def _simulcast_ssrcs(section: MediaSection) -> tuple[int, ...]:
    """List the SSRCs that are encodings of one picture, by `a=ssrc-group:SIM` as of old."""
    groups = (group.ssrcs for group in section.ssrc_groups if group.semantics == "SIM")
    found = tuple(dict.fromkeys(next(groups, ())))[:LAYER_LIMIT]
    return found if len(found) > 1 and section.kind is MediaKind.VIDEO else ()


def _without_rejected(session: Session, exchange: AnsweredOffer) -> Session:
    """End what has no m-section any more (webrtc-pc section 5.4), and its transports."""
    live = {offered.mid for offered, _ in exchange.accepted}
    routes = {mid: key for mid, key in session.routes.items() if mid in live}
    used = set(routes.values())
    data = session.data
    return replace(
        session,
        transceivers=tuple(t for t in session.transceivers if t.mid is None or t.mid in live),
        data=None if data and data.mid is not None and data.mid not in live else data,
        transports=tuple(t for t in session.transports if t.key in used),
        routes=routes,
    )


def _bundled_routes(session: Session, exchange: AnsweredOffer) -> Iterator[tuple[str, str]]:
    """Route a BUNDLE group over the transport of its tagged m-section (RFC 9143 section 7.3).

    Raises:
        ModificationError: It would take an m-section from a transport that is in use.
    """
    answer = exchange.answer
    for offered, _ in exchange.accepted:
        mid = offered.mid or ""
        shared, own = session.carrier(answer.bundled(mid)), session.carrier([mid])
        if shared is None or shared is own:
            continue
        if own is not None and own.agreed:
            raise ModificationError(
                "moving an m-section to another transport is not supported yet", mid=mid
            )
        yield mid, shared.key
