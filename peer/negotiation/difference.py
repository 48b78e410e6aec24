"""Owns what must be done in the world: how two sessions differ, as effects.

`difference` is the only source of effects. Rollback, pranswer and answer need no code of their
own: what two sessions differ in is what must be done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.negotiation.effects import (
    AnnounceTrack,
    CloseData,
    ConfigureRtp,
    ConnectData,
    CreateTransceiver,
    Effect,
    StopTransceiver,
)
from peer.negotiation.transport_effects import changed, closed, opened
from peer.rtp_parameters import ReceiveParameters, SendParameters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer.negotiation.session import Session, Transceiver


def difference(before: Session, after: Session, cname: str) -> tuple[Effect, ...]:
    """What must be done so that the world is as `after` says, in the order in which to do it."""
    return (
        *opened(before, after),
        *_transceivers(before, after),
        # Before the peer is verified, which ends a handshake that came before the answer: whether
        # a transport without SRTP will do (RFC 5764 section 4.1.2) must be known by then.
        *_rtp(before, after, cname),
        *changed(before, after),
        *_data(before, after),
        *closed(before, after),
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
    connected = before.data is not None and before.data.remote_port is not None
    transport = after.route(after.data.mid)
    if not connected and transport is not None:
        yield ConnectData(transport, after.data.remote_port, after.data.remote_max_message_size)
