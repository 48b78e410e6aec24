"""Candidates of the peer that are not checked: no datagram leaves for the address they name."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aioice import mdns

from peer import AddressKind, CandidateFilter, SdpType, SessionDescription
from peer.ice import CandidateFields, IceParameters
from peer.states import IceRole
from peer.tracing.events import CandidateRefused
from tests.support.negotiation.connections import both_connected, local, loopback, offer, pair
from tests.support.network.ice import End, two_ends
from tests.support.network.scripted_ice_peer import scripted_ice_peer

if TYPE_CHECKING:
    import pytest

    from peer.tracing.events import TraceEvent

SERVERS = CandidateFilter.for_servers()


def candidate_at(address: str, port: int) -> CandidateFields:
    return CandidateFields("1", 1, "udp", 2130706431, address, port, "host")


async def test_refused_candidate_is_not_checked_and_its_own_check_is_answered() -> None:
    own, end = IceParameters.generate(), End(remote_filter=SERVERS)
    try:
        async with scripted_ice_peer(own, end.ice.local) as peer:
            await end.ice.gather()
            end.ice.start(own, IceRole.CONTROLLED)
            end.ice.add_remote_candidate(candidate_at(*peer.address))
            assert end.seen.refusals == [("127.0.0.1", "its address is loopback")]
            assert end.ice.counters.candidates_refused == 1
            assert end.ice.counters.candidates_ignored == 0
            assert not end.ice.remote_candidates

            (ours,) = end.ice.local_candidates
            peer.check((ours.address, ours.port), nominate=True)
            await end.seen.connected()
            # The check that connected us went to where the peer's own came from.
            assert [c.type for c in end.ice.remote_candidates] == ["prflx"]
    finally:
        await end.ice.close()


async def test_filter_holds_for_the_address_that_a_name_leads_to() -> None:
    responder = await mdns.create_mdns_protocol()
    name = mdns.create_mdns_hostname()
    end = End(remote_filter=CandidateFilter(refused={AddressKind.LOOPBACK}))
    try:
        await responder.publish(name, "127.0.0.1")
        await end.ice.gather()
        end.ice.add_remote_candidate(candidate_at(name, 50000))
        await end.seen.until(lambda: bool(end.seen.refusals))
        assert end.seen.refusals == [(name, "its address is loopback")]
        assert end.ice.remote_candidates == ()
    finally:
        await end.ice.close()
        await responder.close()


async def test_name_is_not_looked_up_where_the_filter_refuses_names() -> None:
    async with two_ends(remote_filter=SERVERS) as (end, _):
        end.ice.add_remote_candidate(candidate_at("a1b2c3d4.local", 50000))
        assert end.seen.refusals == [("a1b2c3d4.local", "names are not looked up")]
        agent = end.ice._agent  # noqa: SLF001 - nobody else sees the look-ups
        assert "0 lookups" in repr(agent._mdns)  # noqa: SLF001 - as above


async def test_port_of_a_system_service_is_not_checked_by_default() -> None:
    async with two_ends() as (end, _):
        for port in (53, 443, 1023, 1024):
            end.ice.add_remote_candidate(candidate_at("127.0.0.1", port))
        assert [reason.partition(" is")[0] for _, reason in end.seen.refusals] == [
            "port 53",
            "port 443",
            "port 1023",
        ]
        assert [c.port for c in end.ice.remote_candidates] == [1024]


async def test_connection_tells_of_refused_candidates_in_trace_and_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "peer")
    events: list[TraceEvent] = []
    careful = loopback(remote_candidates=SERVERS, trace=events.append)
    async with pair(careful) as (left, right):
        left.createDataChannel("chat")
        await offer(left, right)
        await right.setLocalDescription()
        line = "a=candidate:9 1 udp 1 169.254.169.254 50000 typ host\r\n"
        sdp = local(right).sdp.replace("a=candidate:", f"{line}a=candidate:", 1)
        await left.setRemoteDescription(SessionDescription(sdp, SdpType.ANSWER))
        # The checks of the other end reach us, and are answered.
        await both_connected(left, right)
        refused = [event for event in events if isinstance(event, CandidateRefused)]
    assert {event.reason for event in refused} == {
        "its address is loopback",
        "its address is metadata",
    }
    assert "169.254.169.254 50000 typ host is not checked: its address is metadata" in caplog.text
