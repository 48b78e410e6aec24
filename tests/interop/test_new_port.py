"""RFC 8445 section 7.3.1.3 once connected: the NAT of a peer of others gives it another port."""

from __future__ import annotations

from typing import Any

import pytest

from peer.tracing.events import PathSelected
from tests.support.links.udp_relay import UdpRelay, udp_relay
from tests.support.media.media_edits import only_ipv4
from tests.support.negotiation.connections import local
from tests.support.network.own_address import own_address
from tests.support.peers.marks import EVERYTHING, peer_parameters
from tests.support.peers.negotiated_session import NegotiatedSession, medium_of, session_with
from tests.support.peers.third_party import ThirdParty, open_stage

PEERS = (ThirdParty.CHROMIUM, ThirdParty.FIREFOX, ThirdParty.WRTC, ThirdParty.PYTHON_WEBRTC)
#: Those of them that every run calls; `make interop` calls all.
CALLED = PEERS if EVERYTHING else (ThirdParty.PYTHON_WEBRTC,)


@pytest.mark.parametrize("name", peer_parameters(CALLED))
async def test_peer_whose_nat_gives_it_another_port_is_followed_while_we_control(
    name: ThirdParty,
) -> None:
    host = own_address()
    with udp_relay(host=host) as relay:
        async with (
            open_stage(name) as open_peer,
            open_peer() as peer,
            session_with(peer, medium_of(name), interfaces=[host]) as session,
        ):
            take_relay(session, relay)
            await session.open()
            (before,) = paths(session)
            relay.rebind(own_addresses(session))
            await session.flow(20)
            after = paths(session)[-1]
            await session.offer()

    assert after.remote != before.remote
    assert after.local == before.local
    assert after.reason == "the one before answers no check any more"


def paths(session: NegotiatedSession) -> list[PathSelected]:
    return session.trace.all(PathSelected)


def own_addresses(session: NegotiatedSession) -> set[tuple[str, int]]:
    """Addresses of our host candidates."""
    lines = [line for line in local(session.pc).sdp.splitlines() if " typ host" in line]
    fields = [line.split() for line in lines]
    return {(each[4], int(each[5])) for each in fields}


def take_relay(session: NegotiatedSession, relay: UdpRelay) -> None:
    """Let every candidate that either side tells lead through the relay."""
    peer = session.peer
    tell, hear, on_candidate = peer.tell, peer.hear, peer.on_candidate

    def rerouted(value: Any) -> Any:
        match value:
            case str():
                # The relay speaks IPv4 only.
                return relay.rerouted(only_ipv4(value))
            case dict():
                return {name: rerouted(each) for name, each in value.items()}
            case _:
                return value

    async def told(what: str, **fields: Any) -> None:
        await tell(what, **rerouted(fields))

    # Whatever speaks with the peer calls these two.
    peer.tell = told  # type: ignore[method-assign, assignment]  # of this one peer

    def found(line: Any) -> None:
        if ":" not in line["candidate"].split()[4]:
            on_candidate(rerouted(line))

    peer.on_candidate = found

    async def heard(what: str) -> Any:
        return rerouted(await hear(what))

    peer.hear = heard  # type: ignore[method-assign]  # of this one peer
