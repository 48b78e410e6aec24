"""States of a connection follow the tables of W3C webrtc-pc section 4.3, row by row."""

from __future__ import annotations

from itertools import permutations

import pytest

from peer.runtime.connection_states import connection_state, gathering_state, ice_connection_state
from peer.states import (
    ConnectionState,
    DtlsTransportState,
    IceConnectionState,
    IceGatheringState,
    IceTransportState,
)

ICE = {
    "": IceConnectionState.NEW,
    "new": IceConnectionState.NEW,
    "new closed": IceConnectionState.NEW,
    "closed": IceConnectionState.NEW,
    "checking": IceConnectionState.CHECKING,
    "new checking": IceConnectionState.CHECKING,
    "new connected": IceConnectionState.CHECKING,
    "new completed": IceConnectionState.CHECKING,
    "checking connected completed": IceConnectionState.CHECKING,
    "connected": IceConnectionState.CONNECTED,
    "connected completed": IceConnectionState.CONNECTED,
    "connected closed": IceConnectionState.CONNECTED,
    "completed": IceConnectionState.COMPLETED,
    "completed closed": IceConnectionState.COMPLETED,
    "disconnected": IceConnectionState.DISCONNECTED,
    "disconnected checking": IceConnectionState.DISCONNECTED,
    "disconnected completed": IceConnectionState.DISCONNECTED,
    "failed": IceConnectionState.FAILED,
    "failed disconnected": IceConnectionState.FAILED,
    "failed new completed": IceConnectionState.FAILED,
}

CONNECTION = {
    "": ConnectionState.NEW,
    "new/new": ConnectionState.NEW,
    "closed/new": ConnectionState.NEW,
    "checking/new": ConnectionState.CONNECTING,
    "new/connecting": ConnectionState.CONNECTING,
    "connected/new": ConnectionState.CONNECTING,
    "connected/connecting": ConnectionState.CONNECTING,
    "connected/connected checking/new": ConnectionState.CONNECTING,
    "connected/connected new/new": ConnectionState.CONNECTING,
    "connected/connected": ConnectionState.CONNECTED,
    "completed/connected": ConnectionState.CONNECTED,
    "connected/connected completed/connected": ConnectionState.CONNECTED,
    "disconnected/connected": ConnectionState.DISCONNECTED,
    "disconnected/connected connected/connected": ConnectionState.DISCONNECTED,
    "connected/closed": ConnectionState.DISCONNECTED,
    "failed/connected": ConnectionState.FAILED,
    "failed/new disconnected/connected": ConnectionState.FAILED,
    "connected/failed": ConnectionState.FAILED,
    "connected/failed connected/connected": ConnectionState.FAILED,
}

GATHERING = {
    "": IceGatheringState.NEW,
    "new": IceGatheringState.NEW,
    "new complete": IceGatheringState.NEW,
    "gathering": IceGatheringState.GATHERING,
    "gathering new complete": IceGatheringState.GATHERING,
    "complete": IceGatheringState.COMPLETE,
    "complete complete": IceGatheringState.COMPLETE,
}


@pytest.mark.parametrize(("states", "expected"), ICE.items())
def test_ice_connection_state_of_transports(states: str, expected: IceConnectionState) -> None:
    for order in permutations(map(IceTransportState, states.split())):
        assert ice_connection_state(order) is expected


@pytest.mark.parametrize(("states", "expected"), CONNECTION.items())
def test_connection_state_of_transports(states: str, expected: ConnectionState) -> None:
    pairs = [pair.split("/") for pair in states.split()]
    transports = [(IceTransportState(ice), DtlsTransportState(dtls)) for ice, dtls in pairs]
    for order in permutations(transports):
        assert connection_state(order) is expected


@pytest.mark.parametrize(("states", "expected"), GATHERING.items())
def test_gathering_state_of_transports(states: str, expected: IceGatheringState) -> None:
    for order in permutations(map(IceGatheringState, states.split())):
        assert gathering_state(order) is expected
