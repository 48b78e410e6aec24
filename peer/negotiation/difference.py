"""Difference of two sessions, as the effects that lead from one to the other.

`difference` is the only source of effects. Rollback, provisional answer and answer need no code of
their own. The order counts: sockets are opened first; what was taken back is dropped before another
association takes its number; listening comes before connecting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.negotiation.effects import (
    AddCandidates,
    AnnounceTrack,
    CloseData,
    CloseTransport,
    ConfigureRtp,
    ConnectData,
    ConnectDtls,
    ConnectIce,
    CreateTransceiver,
    DropAssociation,
    DropGeneration,
    Effect,
    Listen,
    OpenGeneration,
    OpenTransport,
    Preparation,
    StopTransceiver,
)
from peer.rtp_parameters import ReceiveParameters, SendParameters
from peer.states import IceRole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.ice import IceParameters
    from peer.identity.fingerprints import Fingerprint
    from peer.negotiation.sdp.description import MediaSection
    from peer.negotiation.session import (
        AppliedDescription,
        AssociationTerms,
        Session,
        Transceiver,
        TransportState,
    )


def difference(before: Session, after: Session, cname: str) -> tuple[Effect, ...]:
    """List the effects that make transports and media as `after` says, in their order."""
    return (
        *_opened(before, after),
        *_transceivers(before, after),
        # Before the peer is verified, which ends a handshake that came before the answer: whether
        # a transport without SRTP will do (RFC 5764 section 4.1.2) must be known by then.
        *_rtp(before, after, cname),
        *_changed(before, after),
        *_data(before, after),
        *_closed(before, after),
    )


def _transceivers(before: Session, after: Session) -> Iterator[Effect]:
    for transceiver in after.transceivers:
        if before.transceiver(transceiver.key) is None:
            yield CreateTransceiver(transceiver.key)
    for transceiver in before.transceivers:
        if after.transceiver(transceiver.key) is None:
            yield StopTransceiver(transceiver.key)


def _rtp(before: Session, after: Session, cname: str) -> Iterator[Effect]:
    for transceiver in after.transceivers:
        earlier = before.transceiver(transceiver.key)
        configuration = _configuration(after, transceiver, cname)
        if configuration and (
            earlier is None or configuration != _configuration(before, earlier, cname)
        ):
            yield configuration
        if transceiver.receiving and not (earlier and earlier.receiving):
            yield AnnounceTrack(transceiver.key, transceiver.remote_streams)


def _configuration(session: Session, transceiver: Transceiver, cname: str) -> ConfigureRtp | None:
    agreement, mid = transceiver.agreement, transceiver.mid
    direction = transceiver.current_direction
    transport = session.route(mid) if mid is not None else None
    if agreement is None or mid is None or direction is None or transport is None:
        return None
    if transceiver.stopping:
        return None
    send = SendParameters(
        mid=mid, codecs=agreement.send, extensions=agreement.extensions, cname=cname
    )
    receive = ReceiveParameters(
        mid=mid,
        codecs=agreement.receive,
        extensions=agreement.extensions,
        ssrcs=agreement.ssrcs,
        rtx=agreement.rtx,
        rids=agreement.rids,
    )
    return ConfigureRtp(
        transceiver.key,
        transport,
        send if direction.sends else None,
        receive if direction.receives else None,
    )


def _data(before: Session, after: Session) -> Iterator[Effect]:
    if before.data is not None and after.data is None:
        yield CloseData()
    if after.data is None or after.data.mid is None or after.data.remote_port is None:
        return
    transport = after.route(after.data.mid)
    if transport is None:
        return
    is_new_peer = _is_new_peer(before, after, transport)
    now = (after.data.remote_port, after.data.remote_max_message_size)
    known = before.data and (before.data.remote_port, before.data.remote_max_message_size)
    if is_new_peer or known != now:
        yield ConnectData(transport, *now, is_new_peer)


def _is_new_peer(before: Session, after: Session, key: str) -> bool:
    """Tell whether another peer has come into the place of the former, as a page that reloads.

    The session id of a peer stays for the life of its session (RFC 8866 section 5.2). Programs that
    change it with each description are told by their DTLS association, which stays.
    """
    if before.current_remote is None or after.current_remote is None:
        return False
    former = before.current_remote.sdp.session.origin
    present = after.current_remote.sdp.session.origin
    if (former.username, former.session_id) == (present.username, present.session_id):
        return False
    keys = [_remote_fingerprints(session, key) for session in (before.stable or before, after)]
    return None not in keys and keys[0] != keys[1]


def _remote_fingerprints(session: Session, key: str) -> tuple[Fingerprint, ...] | None:
    transport = session.transport(key)
    terms = None if transport is None else transport.association.remote
    return None if terms is None else terms.fingerprints


def _opened(before: Session, after: Session) -> Iterator[Preparation]:
    """Open sockets for transports and ICE generations that are new."""
    for transport in after.transports:
        if before.transport(transport.key) is None:
            yield OpenTransport(transport.key, transport.local)
        elif transport.local not in _generations(before, transport.key):
            yield OpenGeneration(transport.key, transport.local)


def _changed(before: Session, after: Session) -> Iterator[Effect]:
    """Change ICE generations and associations of the transports that there are."""
    for transport in after.transports:
        earlier = before.transport(transport.key)
        if earlier is not None:
            yield from _dropped(earlier, transport)
        yield from _listening(earlier, transport)
        yield from _connected(before, after, transport)
        yield from _candidates(before, after, transport.key)


def _closed(before: Session, after: Session) -> Iterator[CloseTransport]:
    """Close transports that carry nothing any more."""
    for transport in before.transports:
        if after.transport(transport.key) is None:
            yield CloseTransport(transport.key)


def _dropped(earlier: TransportState, now: TransportState) -> Iterator[Effect]:
    kept = (*now.fallbacks, now.association)
    for terms in (*earlier.fallbacks, earlier.association):
        same = next((t for t in kept if t.is_same(terms)), None)
        # What served before the oldest that is left retires by itself.
        unused = same is None and terms.number >= kept[0].number
        begins_anew = same is not None and terms.agreed and not same.agreed
        if unused or begins_anew:
            yield DropAssociation(now.key, terms.number)
    # A generation that was connected retires by itself, when the next one carries.
    in_use = earlier.local in (now.local, now.unanswered)
    if earlier.agreed and earlier.remote_ice is None and not in_use:
        yield DropGeneration(now.key, earlier.local.username_fragment)
    unanswered = earlier.unanswered
    if unanswered is not None and unanswered not in (now.unanswered, now.local):
        yield DropGeneration(now.key, unanswered.username_fragment)


def _listening(earlier: TransportState | None, now: TransportState) -> Iterator[Listen]:
    terms = now.association
    if terms.agreed:
        return
    was = None if earlier is None else earlier.association
    if was is None or was.agreed or not was.is_same(terms):
        yield Listen(now.key, terms.number, terms.local.fingerprints)


def _connected(before: Session, after: Session, now: TransportState) -> Iterator[Effect]:
    connected = dict(_paths(before, now.key))
    for local, remote in dict(_paths(after, now.key)).items():
        if local not in connected:
            is_new_peer = _is_new_peer(before, after, now.key)
            role = _ice_role(after, remote) if is_new_peer else now.ice_role
            yield ConnectIce(
                now.key,
                local.username_fragment,
                remote,
                role,
                is_new_peer,
                is_answerer=_is_answerer(after),
                if_followed=local == now.unanswered,
            )
    terms = now.association
    if terms.remote is None or terms.role is None:
        return
    if not any(t.is_same(terms) and t.agreed for t in _associations(before, now.key)):
        yield ConnectDtls(
            now.key,
            terms.number,
            terms.local.fingerprints,
            terms.role,
            terms.remote.fingerprints,
            peer_may_keep=terms.peer_may_keep,
            is_answerer=_is_answerer(after),
        )


def _is_answerer(session: Session) -> bool:
    """Tell whether the exchange that has got this far was answered by us, provisionally or not."""
    local = session.pending_local or session.current_local
    return local is not None and local.type is not SdpType.OFFER


def _ice_role(session: Session, remote: IceParameters) -> IceRole:
    """Give our role by the exchange that was just completed (RFC 8445 section 6.1.1)."""
    local = session.current_local
    offered = local is not None and local.type is SdpType.OFFER
    return IceRole.CONTROLLING if offered or remote.lite else IceRole.CONTROLLED


def _associations(session: Session, key: str) -> Iterator[AssociationTerms]:
    """List associations that exist, those that a rollback would return to among them."""
    for transport in _both(session, key):
        yield from (*transport.fallbacks, transport.association)


def _generations(session: Session, key: str) -> set[IceParameters]:
    """List ICE generations that exist, the one that a rollback would return to among them."""
    both = list(_both(session, key))
    unanswered = {each.unanswered for each in both if each.unanswered is not None}
    return {each.local for each in both} | unanswered


def _paths(session: Session, key: str) -> Iterator[tuple[IceParameters, IceParameters]]:
    """List our credentials and the peer's, for each ICE generation of which both are known."""
    for transport in _both(session, key):
        if transport.remote_ice is not None:
            yield transport.local, transport.remote_ice
            if transport.unanswered is not None:
                yield transport.unanswered, transport.remote_ice


def _both(session: Session, key: str) -> Iterator[TransportState]:
    """List the transport as it is now, and as it was before the exchange that is going on."""
    now, known = session.transport(key), session.stable_transport(key)
    if now is not None:
        yield now
    if known is not None and known != now:
        yield known


def _candidates(before: Session, after: Session, key: str) -> Iterator[AddCandidates]:
    """Tell new candidates of the remote descriptions; ICE ignores those that it has."""
    told = set(_described_candidates(before, key))
    for candidates in dict.fromkeys(_described_candidates(after, key)):
        if candidates not in told:
            yield candidates


def _described_candidates(session: Session, key: str) -> Iterator[AddCandidates]:
    for local, remote in _paths(session, key):
        for described in (session.current_remote, session.pending_remote):
            section = None if described is None else _section_of(session, described, key)
            if described is None or section is None:
                continue
            generation = described.sdp.transport_ice(section)[0]
            if generation not in (None, remote.username_fragment):
                continue
            candidates = tuple(c for c in section.candidates if c.is_understood)
            if candidates or section.end_of_candidates:
                yield AddCandidates(
                    key, local.username_fragment, candidates, section.end_of_candidates
                )


def _section_of(session: Session, described: AppliedDescription, key: str) -> MediaSection | None:
    """Find the m-section of a description that counts for a transport."""
    sections = [s for s in described.sdp.media if s.mid and session.route(s.mid) == key]
    # RFC 8843 section 10: the other sections of a group speak of transports that were bundled away.
    tagged = next((section for section in sections if section.mid == key), None)
    return tagged or next(iter(sections), None)
