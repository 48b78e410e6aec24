"""A peer's candidates that hide behind mDNS names."""

from __future__ import annotations

from aioice import mdns

from peer.configuration import IceTransportPolicy
from peer.ice import CandidateFields, IceParameters
from peer.states import IceRole
from peer.transport.adapters.mdns import MAX_LOOKUPS
from tests.support.network.ice import End
from tests.support.network.scripted_ice_peer import scripted_ice_peer


def named(name: str, port: int) -> CandidateFields:
    return CandidateFields("1", 1, "udp", 2130706431, name, port, "host")


async def test_mdns_candidate_is_resolved_and_checked() -> None:
    responder = await mdns.create_mdns_protocol()
    name = mdns.create_mdns_hostname()
    own, end = IceParameters.generate(), End()
    try:
        await responder.publish(name, "127.0.0.1")
        async with scripted_ice_peer(own, end.ice.local) as peer:
            await end.ice.gather()
            end.ice.start(own, IceRole.CONTROLLING)
            end.ice.add_remote_candidate(named(name, peer.address[1]))
            await end.seen.connected()
            # draft-ietf-mmusic-mdns-ice-candidates section 3.3.1: the address stays hidden.
            assert [c.address for c in end.ice.remote_candidates] == [name]
    finally:
        await end.ice.close()
        await responder.close()


async def test_mdns_lookup_outlasts_end_of_candidates() -> None:
    responder = await mdns.create_mdns_protocol()
    name = mdns.create_mdns_hostname()
    own, end = IceParameters.generate(), End()
    try:
        await responder.publish(name, "127.0.0.1")
        async with scripted_ice_peer(own, end.ice.local) as peer:
            await end.ice.gather()
            end.ice.start(own, IceRole.CONTROLLING)
            end.ice.add_remote_candidate(named(name, peer.address[1]))
            end.ice.add_remote_candidate(None)
            await end.seen.connected()
    finally:
        await end.ice.close()
        await responder.close()


async def test_mdns_lookups_are_bounded() -> None:
    end = End()
    try:
        for _ in range(MAX_LOOKUPS + 3):
            end.ice.add_remote_candidate(named(mdns.create_mdns_hostname(), 50000))
        assert end.ice.counters.candidates_ignored == 3
    finally:
        await end.ice.close()


async def test_relay_policy_does_not_look_mdns_names_up() -> None:
    end = End(policy=IceTransportPolicy.RELAY)
    try:
        end.ice.add_remote_candidate(named(mdns.create_mdns_hostname(), 50000))
        assert end.ice.counters.candidates_ignored == 1
    finally:
        await end.ice.close()
