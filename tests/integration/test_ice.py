"""Two ICE transports, and one beside plain aioice, over real sockets."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from aioice import Connection

from peer.errors import IceError
from peer.ice import CandidateFields, IceParameters
from peer.states import IceRole, IceTransportState
from peer.transport.ice.candidates import from_aioice, to_aioice
from peer.transport.ice.timing import IceTiming
from tests.support.clock.own_time import own_time
from tests.support.network.ice import LOOPBACK, End, connected_ends, start, two_ends
from tests.support.network.scripted_ice_peer import scripted_ice_peer

CHECKING, CONNECTED = IceTransportState.CHECKING, IceTransportState.CONNECTED
COMPLETED = IceTransportState.COMPLETED
CONTROLLING, CONTROLLED = IceRole.CONTROLLING, IceRole.CONTROLLED

# A byte that RFC 7983 gives to DTLS.
HELLO = b"\x16hello"


async def test_ice_connects_and_completes_on_both_sides() -> None:
    async with connected_ends() as (left, right):
        for end in (left, right):
            await end.seen.reached(COMPLETED)
            assert end.seen.states == [CHECKING, CONNECTED, COMPLETED]


async def test_ice_carries_datagrams_both_ways() -> None:
    async with connected_ends() as (left, right):
        assert left.ice.datagrams.send(HELLO)
        await right.seen.until(lambda: right.seen.datagrams == [HELLO])
        assert right.ice.datagrams.send(HELLO[::-1])
        await left.seen.until(lambda: left.seen.datagrams == [HELLO[::-1]])


async def test_ice_counts_datagrams() -> None:
    async with connected_ends() as (left, right):
        left.ice.datagrams.send(HELLO)
        await right.seen.until(lambda: bool(right.seen.datagrams))
        sent, received = left.ice.counters, right.ice.counters
        assert (sent.packets_sent, sent.bytes_sent) == (1, len(HELLO))
        assert (received.packets_received, received.bytes_received) == (1, len(HELLO))


async def test_ice_counts_and_drops_oversized_datagram() -> None:
    async with connected_ends() as (left, right):
        assert left.ice.datagrams.send(bytes([128]) * 5000)
        assert left.ice.datagrams.send(b"\x80after")
        await right.seen.until(lambda: b"\x80after" in right.seen.datagrams)
        assert right.seen.datagrams == [b"\x80after"]
        assert right.ice.counters.packets_oversized == 1


async def test_ice_counts_datagram_that_kernel_refuses_as_unsent() -> None:
    async with connected_ends() as (left, _):
        assert not left.ice.datagrams.send(bytes(70_000))
        assert left.ice.counters.packets_unsent == 1


def test_ice_works_on_loop_that_cannot_watch_sockets() -> None:
    class Other(asyncio.SelectorEventLoop):
        def add_reader(self, *_: object) -> None:
            raise NotImplementedError

    async def scenario() -> None:
        async with connected_ends() as (left, right):
            assert left.ice.datagrams.send(b"\x80there")
            await right.seen.until(lambda: right.seen.datagrams == [b"\x80there"])

    with asyncio.Runner(loop_factory=Other) as runner:
        runner.run(scenario())


async def test_ice_check_is_sent_without_waiting_for_pacing() -> None:
    """A connection on loopback takes about 1 ms; with aioice's pause it took Ta more."""
    took = []
    for _ in range(5):
        async with two_ends() as (left, right):
            await left.ice.gather()
            await right.ice.gather()
            with own_time() as own:
                start(left, right)
                await left.seen.connected()
                await right.seen.connected()
            took.append(own.seconds)
    assert min(took) < 0.015


async def test_ice_checks_are_paced() -> None:
    pacing, count = 0.05, 5
    end, own = End(timing=IceTiming(pacing=pacing)), IceParameters.generate()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(end.ice.close)
        peers = [
            await stack.enter_async_context(scripted_ice_peer(own, end.ice.local))
            for _ in range(count)
        ]
        for peer in peers:
            peer.answering = False
            end.ice.add_remote_candidate(peer.candidate)
        await end.ice.gather()
        loop = asyncio.get_running_loop()
        began = loop.time()
        with own_time() as took:
            end.ice.start(own, CONTROLLING)
            for peer in peers:
                await peer.checked()
        assert pacing * (count - 1) * 0.9 < loop.time() - began
        assert took.seconds < pacing * (count - 1) * 1.8


@pytest.mark.parametrize("starts_late", [0, 1])
async def test_ice_candidates_may_trickle_in_after_start(starts_late: int) -> None:
    async with two_ends() as ends:
        start(*ends)
        await ends[1 - starts_late].ice.gather()
        await ends[starts_late].ice.gather()
        for end in ends:
            await end.seen.connected()


async def test_ice_connects_if_one_side_starts_late() -> None:
    async with two_ends() as (left, right):
        await left.ice.gather()
        await right.ice.gather()
        right.ice.start(left.ice.local, CONTROLLED)
        # The answer of an agent that has not started is enough to make the pair valid here.
        await right.seen.connected()
        left.ice.start(right.ice.local, CONTROLLING)
        await left.seen.connected()


async def test_ice_offerer_can_reply_before_the_answer() -> None:
    async with two_ends() as (left, right):
        await left.ice.gather()
        await right.ice.gather()
        right.ice.start(left.ice.local, CONTROLLED)
        await right.seen.connected()
        right.ice.datagrams.send(HELLO)
        await left.seen.until(lambda: left.seen.datagrams == [HELLO])
        assert left.ice.state is IceTransportState.NEW
        assert left.ice.datagrams.send(b"\x16reply")
        await right.seen.until(lambda: right.seen.datagrams == [b"\x16reply"])


async def test_ice_sends_nothing_before_first_check_of_peer() -> None:
    async with two_ends() as (left, _):
        await left.ice.gather()
        assert not left.ice.datagrams.send(HELLO)
        assert left.ice.counters.packets_unsent == 1


async def test_ice_selects_same_pair_on_both_sides() -> None:
    async with connected_ends() as (left, right):
        await right.seen.reached(COMPLETED)
        mine, theirs = left.ice.selected_pair, right.ice.selected_pair
        assert mine is not None
        assert theirs is not None
        assert (mine[0].address, mine[0].port) == (theirs[1].address, theirs[1].port)
        assert (mine[1].address, mine[1].port) == (theirs[0].address, theirs[0].port)


@pytest.mark.parametrize("role", list(IceRole))
async def test_ice_role_conflict_is_repaired(role: IceRole) -> None:
    async with two_ends() as (left, right):
        await left.ice.gather()
        await right.ice.gather()
        left.ice.start(right.ice.local, role)
        right.ice.start(left.ice.local, role)
        await left.seen.connected()
        await right.seen.connected()
        await left.seen.reached(COMPLETED)
        await right.seen.reached(COMPLETED)
        assert {left.ice.role, right.ice.role} == {CONTROLLING, CONTROLLED}


async def test_ice_gathers_configured_interfaces_only() -> None:
    async with two_ends(interfaces=LOOPBACK) as (left, _):
        await left.ice.gather()
        assert [c.address for c in left.ice.local_candidates] == ["127.0.0.1"]


async def test_ice_without_any_socket_raises_error() -> None:
    # 192.0.2.0/24 is for documentation (RFC 5737) and 203.0.113.0/24 too; nobody has the latter.
    async with two_ends(interfaces=["203.0.113.7"]) as (left, _):
        with pytest.raises(IceError, match=r"203\.0\.113\.7"):
            await left.ice.gather()


async def test_ice_gathering_ends_with_none() -> None:
    async with two_ends() as (left, _):
        states = [left.ice.gathering_state]
        await left.ice.gather()
        states.append(left.ice.gathering_state)
        await left.seen.gathered()
        states.append(left.ice.gathering_state)
        assert states == ["new", "gathering", "complete"]
        assert left.seen.candidates[-1] is None


async def test_ice_local_addresses_have_different_priorities() -> None:
    async with two_ends(interfaces=["127.0.0.1", "127.0.0.2"]) as (left, _):
        await left.ice.gather()
        first, second = left.ice.local_candidates
        assert first.priority > second.priority


@pytest.mark.parametrize(
    "line",
    [
        "candidate:1 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active",
        "candidate:1 2 udp 2130706430 127.0.0.1 5000 typ host",
        "candidate:1 1 udp 2130706431 224.0.0.251 5353 typ host",
        "candidate:1 1 udp 2130706431 0.0.0.0 5000 typ host",
        "candidate:1 1 udp 2130706431 127.0.0.1 0 typ host",
        "candidate:1 1 udp 2130706431 example.org 5000 typ host",
    ],
)
async def test_unusable_remote_candidate_is_counted_and_ignored(line: str) -> None:
    async with two_ends() as (left, _):
        left.ice.add_remote_candidate(CandidateFields.parse(line))
        assert left.ice.counters.candidates_ignored == 1
        assert left.ice.remote_candidates == ()


async def test_remote_candidate_after_end_of_candidates_is_ignored() -> None:
    async with two_ends() as (left, _):
        left.ice.add_remote_candidate(None)
        left.ice.add_remote_candidate(
            CandidateFields.parse("candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host")
        )
        assert left.ice.counters.candidates_ignored == 1


@pytest.mark.parametrize("role", list(IceRole))
async def test_plain_aioice_connects_in_either_role(role: IceRole) -> None:
    other = Connection(ice_controlling=role is CONTROLLED)
    end = End(interfaces=None)
    try:
        await other.gather_candidates()
        await end.ice.gather()
        for ours in end.ice.local_candidates:
            await other.add_remote_candidate(to_aioice(ours))
        await other.add_remote_candidate(None)
        other.remote_username = end.ice.local.username_fragment
        other.remote_password = end.ice.local.password
        for theirs in other.local_candidates:
            end.ice.add_remote_candidate(from_aioice(theirs))
        end.ice.add_remote_candidate(None)
        end.ice.start(IceParameters(other.local_username, other.local_password), role)
        await other.connect()
        await end.seen.reached(COMPLETED)
        assert end.ice.datagrams.send(HELLO)
        assert await other.recv() == HELLO
        await other.send(HELLO)
        await end.seen.until(lambda: end.seen.datagrams == [HELLO])
    finally:
        await end.ice.close()
        await other.close()
