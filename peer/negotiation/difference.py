"""Difference of two sessions, as the effects that lead from one to the other.

`difference` is the only source of effects. Rollback, provisional answer and answer need no code of
their own. The order counts: sockets are opened first; what was taken back is dropped before another
association takes its number; listening comes before connecting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.descriptions import SdpType
from peer.negotiation.association import is_new_peer
from peer.negotiation.effects import (
    AddCandidates,
    AnnounceTrack,
    CloseData,
    CloseTransport,
    ConfigureRtp,
    ConnectData,
    ConnectDtls,
    ConnectIce,
    ConnectWithoutIce,
    CreateTransceiver,
    DropAssociation,
    DropGeneration,
    Effect,
    ExpectKeys,
    Listen,
    OpenGeneration,
    OpenTransport,
    Preparation,
    SendUnencrypted,
    StopTransceiver,
    UseEncodings,
    UseSdesKeys,
)
from peer.negotiation.fmtp import with_parameter_sets
from peer.rtp_parameters import ReceiveParameters, SendLayer, SendParameters
from peer.states import DtlsRole
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.ice import IceParameters
    from peer.negotiation.sdp.description import MediaSection
    from peer.negotiation.session import (
        Agreement,
        AppliedDescription,
        AssociationTerms,
        RemoteIdentity,
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


def candidate_difference(before: Session, after: Session) -> tuple[AddCandidates, ...]:
    """List the effects of a candidate of the peer, which differ in remote descriptions alone."""
    candidates = _added_candidates(before, after)
    keys = (transport.key for transport in after.transports)
    return tuple(each for key in keys for each in candidates.get(key, ()))


def _transceivers(before: Session, after: Session) -> Iterator[Effect]:
    for transceiver in after.transceivers:
        earlier = before.transceiver(transceiver.key)
        if earlier is None:
            yield CreateTransceiver(transceiver.key)
        elif transceiver.ended and not earlier.ended:
            yield StopTransceiver(transceiver.key, leaves=False)
    for transceiver in before.transceivers:
        if after.transceiver(transceiver.key) is None:
            yield StopTransceiver(transceiver.key)


def _rtp(before: Session, after: Session, cname: str) -> Iterator[Effect]:
    for transceiver in after.transceivers:
        earlier = before.transceiver(transceiver.key)
        if earlier is not None and (rids := _rids(transceiver)) != _rids(earlier):
            yield UseEncodings(transceiver.key, rids)
        configuration = _configuration(after, transceiver, cname)
        if configuration and (
            earlier is None or configuration != _configuration(before, earlier, cname)
        ):
            yield configuration
        if transceiver.receiving and not _is_known(transceiver, earlier):
            yield AnnounceTrack(transceiver.key, transceiver.remote_streams)


def _is_known(transceiver: Transceiver, earlier: Transceiver | None) -> bool:
    """Tell whether an event told of the track, and of all of its streams (webrtc-pc 4.4.1.5)."""
    if earlier is None or not earlier.receiving:
        return False
    return set(transceiver.remote_streams) <= set(earlier.remote_streams)


def _configuration(session: Session, transceiver: Transceiver, cname: str) -> ConfigureRtp | None:
    agreement, mid = transceiver.agreement, transceiver.mid
    direction = transceiver.current_direction
    transport = session.route(mid) if mid is not None else None
    if agreement is None or mid is None or direction is None or transport is None:
        return None
    if transceiver.stopping:
        return None
    sent, received = agreement.directions.sent, agreement.directions.received
    send = SendParameters(
        mid=mid,
        codecs=agreement.send,
        extensions=tuple(e for e in agreement.extensions if e.uri in sent),
        cname=cname,
        redundancy=agreement.redundancy,
        layers=_sent_layers(transceiver, agreement),
        uses_rids=bool(agreement.sent_rids),
    )
    receive = ReceiveParameters(
        mid=mid,
        codecs=with_parameter_sets(agreement.receive, agreement.send),
        extensions=tuple(e for e in agreement.extensions if e.uri in received),
        ssrcs=agreement.ssrcs,
        rtx=agreement.rtx,
        rids=agreement.rids,
        simulcast=agreement.simulcast,
        simulcast_ssrcs=agreement.simulcast_ssrcs,
    )
    return ConfigureRtp(
        transceiver.key,
        transport,
        send if direction.sends else None,
        receive if direction.receives else None,
        (send, receive),
    )


def _rids(transceiver: Transceiver) -> tuple[str, ...]:
    return tuple(layer.rid for layer in transceiver.layers)


def _sent_layers(transceiver: Transceiver, agreement: Agreement) -> tuple[SendLayer, ...]:
    """List the encodings that the peer receives, or the first where it takes no simulcast."""
    agreed = [layer for layer in transceiver.layers if layer.rid in agreement.sent_rids]
    return tuple(
        replace(layer, paused=layer.rid in agreement.paused_rids)
        for layer in agreed or transceiver.layers[:1]
    )


def _data(before: Session, after: Session) -> Iterator[Effect]:
    if before.data is not None and after.data is None:
        yield CloseData()
    if after.data is None or after.data.mid is None or after.data.remote_port is None:
        return
    transport = after.route(after.data.mid)
    if transport is None:
        return
    is_new = _is_new_peer(before, after, transport)
    now = (after.data.remote_port, after.data.remote_max_message_size)
    known = before.data and (before.data.remote_port, before.data.remote_max_message_size)
    if is_new or known != now:
        yield ConnectData(transport, *now, is_new)


def _is_new_peer(before: Session, after: Session, key: str) -> bool:
    """Tell whether an exchange was with another peer than the one before it."""
    was, now = (before.stable or before).transport(key), after.transport(key)
    if was is None or now is None or after.current_remote is None:
        return False
    return is_new_peer(before.current_remote, after.current_remote.sdp, was, now)


def _opened(before: Session, after: Session) -> Iterator[Preparation]:
    """Open sockets for transports and ICE generations that are new."""
    for transport in after.transports:
        if before.transport(transport.key) is None:
            yield OpenTransport(transport.key, transport.local)
        elif transport.local not in _generations(before, transport.key):
            yield OpenGeneration(transport.key, transport.local)


def _changed(before: Session, after: Session) -> Iterator[Effect]:
    """Change ICE generations and associations of the transports that there are."""
    candidates = _added_candidates(before, after)
    for transport in after.transports:
        earlier = before.transport(transport.key)
        if earlier is not None:
            yield from _dropped(earlier, transport)
        yield from _listening(before, earlier, transport)
        yield from _connected(before, after, transport)
        yield from candidates.get(transport.key, ())


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


def _listening(
    before: Session, earlier: TransportState | None, now: TransportState
) -> Iterator[Listen]:
    terms = now.association
    if terms.agreed or not now.uses_dtls:
        return
    was = None if earlier is None else earlier.association
    if was is None or was.agreed or not was.is_same(terms):
        known = before.stable_transport(now.key)
        remote = None if known is None else known.association.remote
        generation = _fresh_generation(known, now, remote)
        yield Listen(now.key, terms.number, terms.local.fingerprints, generation)


def _connected(before: Session, after: Session, now: TransportState) -> Iterator[Effect]:
    connected = dict(_paths(before, now.key))
    for local, remote in dict(_paths(after, now.key)).items():
        if local not in connected:
            is_new = _is_new_peer(before, after, now.key)
            yield ConnectIce(
                now.key,
                local.username_fragment,
                remote,
                now.ice_role,
                is_new,
                is_answerer=_is_answerer(after),
                if_followed=local == now.unanswered,
            )
    yield from _without_ice(before, now)
    if now.sdes is not None:
        known = before.transport(now.key)
        keys = None if known is None or known.sdes is None else known.sdes.keys
        if now.sdes.keys is not None and now.sdes.keys != keys:
            yield UseSdesKeys(now.key, now.sdes.keys)
        return
    if not now.uses_dtls:
        known = before.transport(now.key)
        was_plain = known is not None and not known.uses_dtls
        if not was_plain:
            yield SendUnencrypted(now.key)
        if (was_plain and _offers_keys(before)) is not _offers_keys(after):
            yield ExpectKeys(now.key, _offers_keys(after))
        return
    terms = now.association
    if terms.remote is None or terms.role is None:
        return
    if not _has_association(before, now):
        yield ConnectDtls(
            now.key,
            terms.number,
            terms.local.fingerprints,
            terms.role,
            terms.remote.fingerprints,
            peer_may_keep=terms.peer_may_keep,
            is_answerer=_is_answerer(after),
            generation=_fresh_generation(before.stable_transport(now.key), now, terms.remote),
        )


def _without_ice(before: Session, now: TransportState) -> Iterator[ConnectWithoutIce]:
    was = before.transport(now.key)
    if now.without_ice is None or (was is not None and was.without_ice == now.without_ice):
        return
    yield ConnectWithoutIce(
        now.key,
        now.local.username_fragment,
        now.without_ice,
        # Plain RTP has no handshake that could show another address than the signalled one.
        is_client=not now.uses_dtls or now.association.role is DtlsRole.CLIENT,
        keeps_association=now.uses_dtls and _has_association(before, now),
    )


def _has_association(session: Session, now: TransportState) -> bool:
    known = _associations(session, now.key)
    return any(terms.is_same(now.association) and terms.agreed for terms in known)


def _offers_keys(session: Session) -> bool:
    """Tell whether an offer of ours waits for its answer: all have keys (RFC 8643 section 3.4)."""
    local, remote = session.pending_local, session.pending_remote
    return local is not None and local.type is SdpType.OFFER and remote is None


def _is_answerer(session: Session) -> bool:
    """Tell whether the exchange that has got this far was answered by us, provisionally or not."""
    local = session.pending_local or session.current_local
    return local is not None and local.type is not SdpType.OFFER


def _fresh_generation(
    known: TransportState | None, now: TransportState, remote: RemoteIdentity | None
) -> str | None:
    """Name the ICE generation that a new association shakes hands on; None for the path in use.

    RFC 8842 section 6 separates associations by their candidates. A peer without tls-id knows
    nothing of that. libwebrtc, for one, has closed its old association by then, so that each moment
    of waiting for a path is a gap in its media.

    Args:
        known: The transport as it was before the exchange; None for a new one.
        now: The transport as the description speaks of it.
        remote: The peer's end, as far as it is known.
    """
    if known is None or now.local == known.local or remote is None or remote.tls_id is None:
        return None
    return now.local.username_fragment


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


def _added_candidates(before: Session, after: Session) -> dict[str, list[AddCandidates]]:
    """List what is told of candidates, by the key of the transport; ICE ignores those it has."""
    told, described = _described_candidates(before), _described_candidates(after)
    return {
        key: [each for each in candidates if each not in told.get(key, {})]
        for key, candidates in described.items()
    }


def _described_candidates(session: Session) -> dict[str, dict[AddCandidates, None]]:
    """List candidates of the remote descriptions, by the key of their transport and in order."""
    found: dict[str, dict[AddCandidates, None]] = {}
    remote = [each for each in (session.current_remote, session.pending_remote) if each]
    sections = [_sections_that_count(session, each) for each in remote]
    for key in dict.fromkeys(key for each in sections for key in each):
        for local, remote_ice in _paths(session, key):
            for described, by_key in zip(remote, sections, strict=True):
                section = by_key.get(key)
                generation = None if section is None else described.sdp.transport_ice(section)[0]
                if section is None or generation not in (None, remote_ice.username_fragment):
                    continue
                candidates = tuple(c for c in section.candidates if c.is_understood)
                if candidates or section.end_of_candidates:
                    told = AddCandidates(
                        key, local.username_fragment, candidates, section.end_of_candidates
                    )
                    found.setdefault(key, {})[told] = None
    return found


def _sections_that_count(
    session: Session, described: AppliedDescription
) -> dict[str, MediaSection]:
    """Find the m-section of a description that counts for each transport, by its key."""
    found: dict[str, MediaSection] = {}
    for section in described.sdp.media:
        key = session.route(section.mid) if section.mid else None
        # RFC 8843 section 10: the other sections of a group speak of transports that were bundled
        # away.
        if key is not None and (key not in found or section.mid == key):
            found[key] = section
    return found
