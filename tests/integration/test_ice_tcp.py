"""ICE over TCP between connections of ours: asked for, preferred last, filtered, made anew."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from aioice import stun

from peer import CandidateFilter, OnePortError, PeerConnection, PortRangeError
from peer.configuration import IceServer
from peer.ice import CandidateFields
from peer.runtime.transport_statistics import CandidatePairStats, CandidateStats, TransportStats
from peer.states import IceRole
from peer.transport.ice.timing import IceTiming
from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connection_state import nothing_left, refused
from tests.support.negotiation.connections import (
    both_connected,
    connected_pair,
    expected,
    local,
    loopback,
    opened,
    pair,
    says,
    within,
)
from tests.support.network.free_ports import free_port, ports
from tests.support.network.ice import End, start, stun_server, two_ends

if TYPE_CHECKING:
    from peer import DataChannel, PeerConfiguration, SessionDescription

DATA = b"\x16data"
#: Candidates of a restart that is over within a second.
QUICK = IceTiming(consent_interval=0.05, consent_grace=0.1, silence=0.2)


def tcp_only(description: SessionDescription) -> SessionDescription:
    """The description for a peer that no UDP reaches."""
    text = re.sub(r"a=candidate:\S+ 1 udp [^\r]*\r\n", "", description.sdp)
    assert "tcptype passive" in text
    return replace(description, sdp=text)


def tcp_ports(pc: PeerConnection) -> set[int]:
    found = re.findall(
        r"a=candidate:\S+ 1 tcp \d+ \S+ (\d+) typ host tcptype passive", local(pc).sdp
    )
    return {int(port) for port in found}


async def exchange_tcp(offerer: PeerConnection, answerer: PeerConnection) -> None:
    """One offer and its answer, without candidates of UDP."""
    await offerer.setLocalDescription()
    await answerer.setRemoteDescription(tcp_only(local(offerer)))
    await answerer.setLocalDescription()
    await offerer.setRemoteDescription(tcp_only(local(answerer)))


@asynccontextmanager
async def connected_over_tcp(
    left: PeerConfiguration, right: PeerConfiguration
) -> AsyncIterator[tuple[PeerConnection, PeerConnection, DataChannel, DataChannel]]:
    async with pair(left, right) as (offerer, answerer):
        coming = expected(answerer, "datachannel")
        channel = offerer.createDataChannel("chat")
        offerer.addTrack(ToneTrack(440))
        await exchange_tcp(offerer, answerer)
        await both_connected(offerer, answerer)
        await opened(channel)
        yield offerer, answerer, channel, (await within(coming)).channel


async def protocols(pc: PeerConnection) -> set[str]:
    """The protocols of the selected pair."""
    report = await pc.getStats()
    pairs = {t.selectedCandidatePairId for t in report.values() if isinstance(t, TransportStats)}
    chosen = [p for p in report.values() if isinstance(p, CandidatePairStats) and p.id in pairs]
    ends = {end for pair in chosen for end in (pair.localCandidateId, pair.remoteCandidateId)}
    return {e.protocol for e in report.values() if isinstance(e, CandidateStats) and e.id in ends}


async def test_connection_lives_on_tcp_alone_through_ice_restart_and_rekey() -> None:
    tcp = loopback(ice_tcp=True)
    async with nothing_left(), connected_over_tcp(tcp, tcp) as (left, right, channel, other):
        assert await protocols(left) == await protocols(right) == {"tcp"}
        await says(channel, "x" * 60_000, other)
        right.restartIce()
        await exchange_tcp(right, left)
        await says(other, "after the restart", channel)
        rekey = asyncio.ensure_future(left.rekey())
        await within(expected(left, "negotiationneeded"))
        await exchange_tcp(left, right)
        assert (await within(rekey)).changed
        await says(channel, "after the rekey", other)
        (receiver,) = [each.receiver for each in right.getTransceivers()]
        await within(anext(receiver.encoded_frames()))


async def test_udp_goes_before_tcp() -> None:
    tcp = loopback(ice_tcp=True)
    async with connected_pair(tcp, tcp) as (left, right, _):
        assert await protocols(left) == await protocols(right) == {"udp"}
        # A default candidate is what a peer without ICE would send to (RFC 8839 4.2.1.2).
        (port,) = ports(left)
        assert f"m=application {port} UDP/DTLS/SCTP" in local(left).sdp


async def test_udp_goes_before_tcp_where_its_first_check_is_lost() -> None:
    async with two_ends(ice_tcp=True) as (left, right):
        for end in (left, right):
            await end.ice.gather()
            lose_each_first_check(end)
        start(left, right)
        for end in (left, right):
            await end.seen.connected()
            pair = end.ice.selected_pair
            assert pair is not None
            assert {each.transport for each in pair} == {"udp"}


def lose_each_first_check(end: End) -> None:
    """Lose each check over UDP, but not its repetition."""
    (udp, *_) = end.ice._agent.sockets  # noqa: SLF001 - nobody else sends what is to be lost
    seen: set[bytes] = set()
    send = udp.send_stun

    def send_again(message: stun.Message, addr: tuple[str, int]) -> None:
        is_first = message.transaction_id not in seen
        seen.add(message.transaction_id)
        if not (is_first and message.message_class is stun.Class.REQUEST):
            send(message, addr)

    udp.send_stun = send_again  # type: ignore[method-assign]  # for this socket alone


async def test_tcp_is_offered_and_taken_only_where_it_is_asked_for() -> None:
    without, with_tcp = End(), End(ice_tcp=True)
    try:
        for end in (without, with_tcp):
            await end.ice.gather()
        assert {c.transport for c in without.seen.of_type("host")} == {"udp"}
        offered = [c for c in with_tcp.seen.of_type("host") if c.transport == "tcp"]
        assert [c.tcp_type for c in offered] == ["passive", "active"]
        for candidate in offered:
            without.ice.add_remote_candidate(candidate)
        assert without.ice.counters.candidates_ignored == 2
        assert without.ice.remote_candidates == ()
    finally:
        await without.ice.close()
        await with_tcp.ice.close()


async def test_connections_share_one_port_of_udp_and_tcp() -> None:
    port = free_port()
    ours = loopback(one_port=port, ice_tcp=True)
    theirs = loopback(ice_tcp=True)
    async with (
        nothing_left(),
        connected_over_tcp(theirs, ours) as (_, first, channel, other),
        connected_over_tcp(theirs, ours) as (_, second, channel_2, other_2),
    ):
        for each in (first, second):
            assert (tcp_ports(each), await protocols(each)) == ({port}, {"tcp"})
        await says(channel, "one", other)
        await says(other_2, "two", channel_2)


async def test_tcp_ports_come_from_the_port_range() -> None:
    port = free_port()
    configuration = loopback(port_range=(port, port), ice_tcp=True)
    async with PeerConnection(configuration) as pc, PeerConnection(configuration) as late:
        pc.createDataChannel("chat")
        await pc.setLocalDescription()
        assert (ports(pc), tcp_ports(pc)) == ({port}, {port})
        late.createDataChannel("chat")
        async with refused(late, PortRangeError):
            await late.setLocalDescription()


@pytest.mark.parametrize(
    ("setting", "error"), [("one_port", OnePortError), ("port_range", PortRangeError)]
)
async def test_tcp_port_of_another_process_is_named_and_changes_nothing(
    setting: str, error: type[Exception]
) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        ports = port if setting == "one_port" else (port, port)
        async with PeerConnection(loopback(ice_tcp=True, **{setting: ports})) as pc:
            pc.createDataChannel("chat")
            async with refused(pc, error, "TCP port .* on 127.0.0.1: Address already in use"):
                await pc.setLocalDescription()


REFUSED: dict[str, tuple[CandidateFilter, Sequence[str]]] = {
    "for servers": (CandidateFilter.for_servers(), ["127.0.0.1", "::1", "::ffff:127.0.0.1"]),
    "by default, below port 1024": (CandidateFilter(), ["127.0.0.1"]),
}


@pytest.mark.parametrize(("chosen", "addresses"), REFUSED.values(), ids=REFUSED.keys())
async def test_filter_keeps_us_from_connecting_to_addresses_that_a_peer_names(
    chosen: CandidateFilter, addresses: Sequence[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.setblocking(False)
        port = 25 if chosen == CandidateFilter() else inside.getsockname()[1]
        async with two_ends(ice_tcp=True, remote_filter=chosen) as (end, other):
            other.seen.forward = None
            await end.ice.gather()
            end.ice.start(other.ice.local, IceRole.CONTROLLING)
            for address in addresses:
                named = CandidateFields("1", 1, "tcp", 1, address, port, "host", tcp_type="passive")
                end.ice.add_remote_candidate(named)
            assert [each for each, _ in end.seen.refusals] == addresses
            await asyncio.sleep(0.1)
            with pytest.raises(BlockingIOError):
                inside.accept()


async def test_check_goes_to_a_tcp_candidate_that_the_filter_takes() -> None:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as outside:
        outside.setblocking(False)
        async with two_ends(ice_tcp=True) as (end, other):
            other.seen.forward = None
            await end.ice.gather()
            end.ice.start(other.ice.local, IceRole.CONTROLLING)
            port = outside.getsockname()[1]
            named = CandidateFields("1", 1, "tcp", 1, "127.0.0.1", port, "host", tcp_type="passive")
            end.ice.add_remote_candidate(named)
            sock, _ = await within(loop.sock_accept(outside))
            with sock:
                assert (await within(loop.sock_recv(sock, 99)))[2:4] == b"\x00\x01"


async def test_stun_server_is_asked_by_udp_alone() -> None:
    async with stun_server(("203.0.113.9", 4000), port=free_port()) as server:
        address = server.transport.get_extra_info("sockname")
        with socket.create_server(address) as listening:
            listening.setblocking(False)
            async with two_ends(ice_tcp=True, servers=[IceServer(server.url)]) as (end, _):
                await end.ice.gather()
                await end.seen.gathered()
                assert [c.address for c in end.seen.of_type("srflx")] == ["203.0.113.9"]
                assert server.requests == 1
            with pytest.raises(BlockingIOError):
                listening.accept()


@pytest.mark.parametrize("controlling", ["active", "passive"])
async def test_tcp_connection_that_is_lost_is_made_anew(controlling: str) -> None:
    async with two_ends(ice_tcp=True, timing=QUICK) as (left, right):
        dials, listens = (left, right) if controlling == "active" else (right, left)

        def tell(candidate: CandidateFields | None) -> None:
            if candidate is None or candidate.tcp_type == "passive":
                dials.ice.add_remote_candidate(candidate)

        listens.seen.forward = tell
        dials.seen.forward = None
        for end in (left, right):
            await end.ice.gather()
        start(left, right)
        for end in (left, right):
            await end.seen.connected()
        for _ in range(2):
            for end, other in ((left, right), (right, left)):
                count = len(other.seen.datagrams)
                await sent_until_there(end, other, count)
            for end in (left, right):
                for each in end.ice._agent.sockets:  # noqa: SLF001 - nobody else cuts a connection
                    for stream in list(getattr(each.transport, "streams", {}).values()):
                        stream.close()


async def sent_until_there(end: End, other: End, count: int) -> None:
    """Send until it arrives, as datagrams are lost while there is no connection."""
    async with asyncio.timeout(60):
        while len(other.seen.datagrams) == count:
            end.ice.datagrams.send(DATA)
            await asyncio.sleep(0.02)
