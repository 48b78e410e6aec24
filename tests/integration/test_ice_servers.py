"""STUN servers that answer, that stay silent, and that lie."""

from __future__ import annotations

import asyncio

import pytest

from peer import IceCandidateErrorEvent, PeerConnection
from peer.configuration import IceServer
from peer.errors import ConfigurationError
from peer.states import IceGatheringState, IceTransportState
from peer.transport.ice.servers import ServerFailure
from peer.transport.ice.timing import IceTiming
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.negotiation.connections import local, loopback, pair, reached
from tests.support.network.ice import start, stun_server, two_ends

PUBLIC = ("203.0.113.7", 40000)
SHORT = IceTiming(server_timeout=0.1)


async def test_silent_stun_server_delays_neither_host_candidates_nor_connection() -> None:
    async with stun_server(None) as silent, two_ends(servers=[IceServer(silent.url)]) as ends:
        for end in ends:
            await end.ice.gather()
            assert [c.type for c in end.ice.local_candidates] == ["host"]
        start(*ends)
        for end in ends:
            await end.seen.connected()
            assert end.ice.gathering_state is IceGatheringState.GATHERING


async def test_ice_does_not_complete_while_gathering() -> None:
    async with stun_server(None) as silent, two_ends(servers=[IceServer(silent.url)]) as ends:
        left, right = ends
        await left.ice.gather()
        await right.ice.gather()
        left.ice.add_remote_candidate(None)
        start(*ends)
        await left.seen.connected()
        left.ice.datagrams.send(b"\x16hello")
        await right.seen.until(lambda: bool(right.seen.datagrams))
        assert left.ice.state is IceTransportState.CONNECTED


@in_virtual_time
async def test_silent_stun_server_times_out() -> None:
    async with (
        stun_server(None) as silent,
        two_ends(servers=[IceServer(silent.url)], timing=SHORT) as (left, _),
    ):
        await left.ice.gather()
        await left.seen.gathered()
        (failure,) = left.ice.server_failures
        assert failure.reason == "no answer within 0.1 s"
        assert silent.requests > 0


async def test_stun_servers_are_asked_side_by_side() -> None:
    async with (
        stun_server(None) as silent,
        stun_server(PUBLIC) as good,
        two_ends(servers=[IceServer([silent.url, good.url])]) as (left, _),
    ):
        await left.ice.gather()
        await left.seen.until(lambda: bool(left.seen.of_type("srflx")))
        assert left.ice.gathering_state is IceGatheringState.GATHERING
        (candidate,) = left.seen.of_type("srflx")
        assert (candidate.address, candidate.port) == PUBLIC
        host = left.ice.local_candidates[0]
        assert (candidate.related_address, candidate.related_port) == (host.address, host.port)
        assert candidate.priority < host.priority


async def test_same_reflexive_address_is_reported_once() -> None:
    async with (
        stun_server(PUBLIC) as first,
        stun_server(PUBLIC) as second,
        two_ends(servers=[IceServer(first.url), IceServer(second.url)]) as (left, _),
    ):
        await left.ice.gather()
        await left.seen.gathered()
        assert len(left.seen.of_type("srflx")) == 1
        assert (first.requests, second.requests) == (1, 1)


async def test_two_reflexive_addresses_are_both_reported() -> None:
    async with (
        stun_server(PUBLIC) as first,
        stun_server(("203.0.113.8", 40001)) as second,
        two_ends(servers=[IceServer(first.url), IceServer(second.url)]) as (left, _),
    ):
        await left.ice.gather()
        await left.seen.gathered()
        assert len(left.seen.of_type("srflx")) == 2


async def test_stun_response_without_mapped_address_is_reported() -> None:
    async with (
        stun_server(PUBLIC) as server,
        two_ends(servers=[IceServer(server.url)]) as (left, _),
    ):
        server.withholds = True
        await left.ice.gather()
        await left.seen.gathered()
        (failure,) = left.ice.server_failures
        assert "XOR-MAPPED-ADDRESS" in failure.reason


async def test_every_socket_asks_the_stun_server() -> None:
    addresses = ["127.0.0.1", "127.0.0.2"]
    async with (
        stun_server(PUBLIC) as server,
        two_ends(servers=[IceServer(server.url)], interfaces=addresses) as (left, _),
    ):
        await left.ice.gather()
        await left.seen.gathered()
        assert [c.related_address for c in left.seen.of_type("srflx")] == addresses


async def test_stun_server_name_is_looked_up_without_blocking_the_loop() -> None:
    async with stun_server(PUBLIC) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        async with two_ends(servers=[IceServer(url)]) as (left, _):
            await left.ice.gather()
            await left.seen.gathered()
            assert len(left.seen.of_type("srflx")) == 1


@in_virtual_time
async def test_endless_lookup_of_stun_server_name_times_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(*_args: object, **_options: object) -> None:
        await asyncio.get_running_loop().create_future()

    server = IceServer("stun:nowhere.example")
    async with two_ends(servers=[server], timing=SHORT) as (left, _):
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
        await left.ice.gather()
        await left.seen.gathered()
        assert [f.reason for f in left.ice.server_failures] == ["no answer within 0.1 s"]


async def test_unknown_stun_server_name_is_reported() -> None:
    server = IceServer("stun:handfast.invalid")
    async with two_ends(servers=[server]) as (left, _):
        await left.ice.gather()
        await left.seen.gathered()
        assert len(left.ice.server_failures) == 1


async def test_unusable_ice_server_url_raises_at_once() -> None:
    with pytest.raises(ConfigurationError):
        async with two_ends(servers=[IceServer("stun:a:b:c")]):
            pass


@in_virtual_time
async def test_stun_server_that_answers_one_of_two_sockets_does_not_fail() -> None:
    async with (
        stun_server(PUBLIC) as server,
        two_ends(
            servers=[IceServer(server.url)], interfaces=["127.0.0.1", "127.0.0.2"], timing=SHORT
        ) as (left, _),
    ):
        server.ignores = {"127.0.0.2"}
        await left.ice.gather()
        await left.seen.gathered()
        assert [c.related_address for c in left.seen.of_type("srflx")] == ["127.0.0.1"]
        assert left.ice.server_failures == ()


@in_virtual_time
async def test_failure_of_stun_server_names_the_socket_that_asked() -> None:
    async with (
        stun_server(None) as silent,
        two_ends(servers=[IceServer(silent.url)], timing=SHORT) as (left, _),
    ):
        await left.ice.gather()
        await left.seen.gathered()
        (host,) = left.seen.of_type("host")
        expected = ServerFailure(
            silent.url, "no answer within 0.1 s", 701, local=(host.address, host.port)
        )
        assert left.seen.failures == [expected]


async def test_stun_server_of_another_ip_version_is_reported() -> None:
    async with two_ends(servers=[IceServer("stun:[::1]:3478")]) as (left, _):
        await left.ice.gather()
        await left.seen.gathered()
        (failure,) = left.ice.server_failures
        assert failure.reason == "it has no address of an IP version that we have"


async def test_connection_passes_over_an_ice_server_that_it_does_not_speak_to(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with stun_server(PUBLIC) as good:
        unusable = IceServer("turns:192.0.2.1:443?transport=udp", username="u", credential="p")
        configuration = loopback(iceServers=[unusable, IceServer(good.url)])
        async with pair(configuration) as (offerer, _):
            errors: list[IceCandidateErrorEvent] = []
            offerer.on("icecandidateerror", errors.append)
            offerer.addTransceiver("audio")
            offerer.createDataChannel("chat")
            await offerer.setLocalDescription()
            await reached(
                offerer,
                "icegatheringstatechange",
                lambda: offerer.iceGatheringState is IceGatheringState.COMPLETE,
            )
            assert "typ srflx" in local(offerer).sdp
    assert {(e.url, e.errorCode, e.errorText) for e in errors} == {
        ("turns:192.0.2.1:443?transport=udp", 701, "TURN over DTLS is not supported")
    }
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "turns:192.0.2.1:443?transport=udp does not serve: TURN over DTLS" in warnings[0]


async def test_connection_refuses_ice_servers_of_which_none_can_serve() -> None:
    with pytest.raises(ConfigurationError, match=r"none of the ICE servers can be used: 'stuns:a'"):
        PeerConnection(loopback(iceServers=[IceServer("stuns:a")]))
