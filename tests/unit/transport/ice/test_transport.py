"""One line about each part of ICE, for logs and debuggers."""

from __future__ import annotations

from peer.ice import IceParameters
from peer.transport.ice.generations import IceGenerations
from peer.transport.ice.servers import TurnServer, TurnTransportProtocol
from peer.transport.ice.transport import IceGeneration
from tests.support.network.ice import End
from tests.support.network.ice_generations import RecordedEvents

LOCAL = IceParameters("ufrag", "secret" * 4)


async def test_repr_of_ice_transport_shows_state_without_password() -> None:
    end = End()
    text = repr(end.ice)
    assert text == f"<IceGeneration {end.ice.local.username_fragment} new, no pair>"
    assert end.ice.local.password not in text


async def test_repr_of_ice_generations_shows_active_one_without_password() -> None:
    ice = IceGenerations(
        LOCAL,
        make=lambda local, events: IceGeneration(
            local=local, events=events, on_datagram=lambda _: None
        ),
        events=RecordedEvents(),
    )
    assert repr(ice) == "<IceGenerations ufrag new, no pair, 0 other generations>"


def test_repr_of_turn_server_hides_the_credential() -> None:
    server = TurnServer("turn.example", 3478, TurnTransportProtocol.UDP, "user", "secret")
    assert "secret" not in repr(server)
