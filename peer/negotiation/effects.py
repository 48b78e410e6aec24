"""Owns what a step of negotiation asks of the world: how two sessions differ, as values.

`difference` is the only source of effects. Rollback, pranswer and answer need no code of their
own: what two sessions differ in is what must be done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.negotiation.state import Side
from peer.rtp_parameters import ReceiveParameters, SendParameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.candidates import CandidateFields
    from peer.ice_parameters import IceParameters
    from peer.identity.fingerprints import Fingerprint
    from peer.negotiation.session import Session, Transceiver, TransportState
    from peer.states import DtlsRole, IceRole


@dataclass(frozen=True, slots=True)
class OpenTransport:
    """Make sockets for a transport and start to gather. The only effect that can fail.

    Args:
        listens: Whether the peer may shake hands before we know its answer.
    """

    key: str
    local: IceParameters
    listens: bool


@dataclass(frozen=True, slots=True)
class ConnectTransport:
    """Both ends are known: check the paths, shake hands, compare the fingerprints."""

    key: str
    ice: IceParameters
    ice_role: IceRole
    role: DtlsRole
    fingerprints: tuple[Fingerprint, ...]


@dataclass(frozen=True, slots=True)
class AddCandidates:
    """Hand the peer's candidates to a transport; `complete` when no more will come."""

    key: str
    candidates: tuple[CandidateFields, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class CloseTransport:
    """The transport carries nothing any more."""

    key: str


@dataclass(frozen=True, slots=True)
class CreateTransceiver:
    """A remote offer made a transceiver."""

    transceiver: int


@dataclass(frozen=True, slots=True)
class ConfigureRtp:
    """Set how a transceiver sends and receives; None for not at all."""

    transceiver: int
    transport: str
    send: SendParameters | None
    receive: ReceiveParameters | None


@dataclass(frozen=True, slots=True)
class StopTransceiver:
    """It has ended: its m-section was taken away, or a rollback unmade it."""

    transceiver: int


@dataclass(frozen=True, slots=True)
class AnnounceTrack:
    """The peer sends now: fire `track`."""

    transceiver: int
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConnectData:
    """Start SCTP over a transport."""

    transport: str
    remote_port: int
    remote_max_message_size: int


@dataclass(frozen=True, slots=True)
class CloseData:
    """The data m-section was rejected: the channels close."""


Effect = (
    OpenTransport
    | ConnectTransport
    | AddCandidates
    | CloseTransport
    | CreateTransceiver
    | ConfigureRtp
    | StopTransceiver
    | AnnounceTrack
    | ConnectData
    | CloseData
)


def difference(before: Session, after: Session, cname: str) -> tuple[Effect, ...]:
    """What must be done so that the world is as `after` says, in the order in which to do it."""
    return (
        *_opened(before, after),
        *_transceivers(before, after),
        # Before the peer is verified, which ends a handshake that came before the answer: whether
        # a transport without SRTP will do (RFC 5764 section 4.1.2) must be known by then.
        *_rtp(before, after, cname),
        *_connected(before, after),
        *_data(before, after),
        *_closed(before, after),
    )


def _opened(before: Session, after: Session) -> Iterator[Effect]:
    for transport in after.transports:
        if before.transport(transport.key) is None:
            yield OpenTransport(transport.key, transport.local, listens=transport.role is None)


def _closed(before: Session, after: Session) -> Iterator[Effect]:
    for transport in before.transports:
        if after.transport(transport.key) is None:
            yield CloseTransport(transport.key)


def _connected(before: Session, after: Session) -> Iterator[Effect]:
    for transport in after.transports:
        earlier = before.transport(transport.key)
        if transport.remote is None or transport.role is None:
            continue
        if earlier is None or earlier.remote is None:
            yield ConnectTransport(
                transport.key,
                transport.remote.ice,
                transport.ice_role,
                transport.role,
                transport.remote.fingerprints,
            )
        yield from _candidates(after, transport)


def _candidates(after: Session, transport: TransportState) -> Iterator[Effect]:
    """Every candidate in the remote description; ICE ignores those that it has."""
    described, remote = after.description(Side.REMOTE), transport.remote
    if described is None or remote is None:
        return
    sections = [
        section
        for section in described.sdp.media
        if section.mid and after.route(section.mid) == transport.key
    ]
    # RFC 8843 section 10: the other sections of a group speak of transports that were bundled away.
    tagged = next((section for section in sections if section.mid == transport.key), None)
    section = tagged or next(iter(sections), None)
    generations = (None, remote.ice.username_fragment)
    if section is None or described.sdp.transport_ice(section)[0] not in generations:
        return
    candidates = tuple(c for c in section.candidates if c.is_understood)
    if candidates or section.end_of_candidates:
        yield AddCandidates(transport.key, candidates, section.end_of_candidates)


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
    connected = before.data is not None and before.data.remote_port is not None
    transport = after.route(after.data.mid)
    if not connected and transport is not None:
        yield ConnectData(transport, after.data.remote_port, after.data.remote_max_message_size)
