"""Owns how the states of all transports make the states of a connection (webrtc-pc section 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.states import (
    ConnectionState,
    DtlsTransportState,
    IceConnectionState,
    IceGatheringState,
    IceTransportState,
)

if TYPE_CHECKING:
    from collections.abc import Collection

_ICE_UP = {IceTransportState.CONNECTED, IceTransportState.COMPLETED}


def ice_connection_state(states: Collection[IceTransportState]) -> IceConnectionState:
    """Section 4.3.4, in the order of its rows: the first that fits."""
    live = {state for state in states if state is not IceTransportState.CLOSED}
    if IceTransportState.FAILED in live:
        return IceConnectionState.FAILED
    if IceTransportState.DISCONNECTED in live:
        return IceConnectionState.DISCONNECTED
    if live <= {IceTransportState.NEW}:
        return IceConnectionState.NEW
    if live & {IceTransportState.NEW, IceTransportState.CHECKING}:
        return IceConnectionState.CHECKING
    if live <= {IceTransportState.COMPLETED}:
        return IceConnectionState.COMPLETED
    return IceConnectionState.CONNECTED


def connection_state(
    transports: Collection[tuple[IceTransportState, DtlsTransportState]],
) -> ConnectionState:
    """Section 4.3.3, with one row of our own.

    Where the peer has closed its association (close_notify) we say `disconnected` at once; W3C
    leaves that to ICE, which needs seconds to notice.
    """
    ice = {state for state, _ in transports if state is not IceTransportState.CLOSED}
    dtls = {state for _, state in transports}
    if IceTransportState.FAILED in ice or DtlsTransportState.FAILED in dtls:
        return ConnectionState.FAILED
    if IceTransportState.DISCONNECTED in ice or DtlsTransportState.CLOSED in dtls:
        return ConnectionState.DISCONNECTED
    if ice <= {IceTransportState.NEW} and dtls <= {DtlsTransportState.NEW}:
        return ConnectionState.NEW
    if ice <= _ICE_UP and dtls <= {DtlsTransportState.CONNECTED}:
        return ConnectionState.CONNECTED
    return ConnectionState.CONNECTING


def gathering_state(states: Collection[IceGatheringState]) -> IceGatheringState:
    """Section 4.3.2."""
    if IceGatheringState.GATHERING in states:
        return IceGatheringState.GATHERING
    if set(states) == {IceGatheringState.COMPLETE}:
        return IceGatheringState.COMPLETE
    return IceGatheringState.NEW
