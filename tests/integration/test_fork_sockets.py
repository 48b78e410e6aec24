"""The sockets that forks share: several transports, one port for all, an allocation of TURN."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from peer import BundlePolicy, IceServer, PeerConnection
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.negotiation.connection_state import nothing_left, sockets
from tests.support.negotiation.connections import (
    both_connected,
    expected,
    gathered,
    local,
    loopback,
    opened,
    says,
    unbundled,
    until,
    within,
)
from tests.support.negotiation.forked_offer import forked_offer
from tests.support.network.free_ports import free_port, ports
from tests.support.network.ice import stun_server
from tests.support.network.turn import turn_daemon

if TYPE_CHECKING:
    from pathlib import Path

    from peer import SessionDescription


async def answered(theirs: PeerConnection, offer: SessionDescription) -> SessionDescription:
    await theirs.setRemoteDescription(offer)
    return await gathered(theirs)


def notes(pc: PeerConnection) -> list[str]:
    """The candidates that a connection tells of from now on."""
    found: list[str] = []
    pc.on("icecandidate", lambda event: found.append(str(event.candidate)))
    return found


async def writes(made: PeerConnection, theirs: PeerConnection) -> None:
    """Check that a message goes there, once they are connected."""
    coming = expected(theirs, "datachannel")
    (channel,) = made.inherited_channels
    await both_connected(made, theirs)
    await opened(channel)
    await says(channel, "there", (await within(coming)).channel)


@pytest.mark.parametrize("early", [True, False], ids=["early", "at once"])
@in_virtual_time
async def test_each_transport_of_an_offer_without_bundle_is_forked(early: bool) -> None:
    configuration = loopback(bundlePolicy=BundlePolicy.MAX_COMPAT)
    async with (
        nothing_left(),
        PeerConnection(configuration) as pc,
        AsyncExitStack() as stack,
    ):
        pc.addTransceiver("audio")
        pc.addTransceiver("video")
        pc.createDataChannel("chat")
        await pc.setLocalDescription()
        before = len(sockets())
        for number in range(3):
            theirs = await stack.enter_async_context(PeerConnection(loopback()))
            # One of them bundles, so that two of the transports are not needed for it.
            offer = local(pc) if number == 1 else unbundled(local(pc))
            answer = await answered(theirs, offer)
            if early:
                await within(theirs.connected())
            made = await stack.enter_async_context(await pc.fork(answer))
            await writes(made, theirs)
            assert len(made.security.transports) == (1 if number == 1 else 3)
        assert len(sockets()) == before + 3 + 1 + 3
        await pc.close()


@in_virtual_time
async def test_forks_on_one_port_of_the_process_share_it_with_other_connections() -> None:
    port = free_port()
    configuration = loopback(one_port=port)
    async with (
        nothing_left(),
        PeerConnection(configuration) as other,
        forked_offer(3, configuration, sound=False) as at,
    ):
        other.createDataChannel("x")
        await other.setLocalDescription()
        forks = [await at.fork(a) for a in at.answerers]
        await at.pc.close()
        await asyncio.gather(*(a.writes_with(forks[a.number]) for a in at.answerers))
        assert [ports(each) for each in (other, *forks)] == [{port}] * 4
        forks[0].restartIce()
        await forks[0].setLocalDescription()
        assert ports(forks[0]) == {port}


@pytest.mark.parametrize("early", [True, False], ids=["early", "at once"])
async def test_forks_of_an_offer_with_tcp_candidates_are_connected_by_udp(early: bool) -> None:
    configuration = loopback(ice_tcp=True, bundlePolicy="max-bundle")
    async with nothing_left(), forked_offer(2, configuration, sound=False) as at:
        if early:
            await asyncio.gather(*(each.begun() for each in at.answerers))
        for each in at.answerers:
            made = await at.fork(each)
            await each.writes_with(made)
            (transport,) = made.security.transports
            assert transport.selected_pair is not None
            assert transport.selected_pair[0].transport == "udp"


@in_virtual_time
async def test_two_answerers_behind_one_address_cannot_both_be_served_and_the_second_says_why() -> (
    None
):
    port = free_port()
    async with (
        nothing_left(),
        PeerConnection(loopback()) as pc,
        PeerConnection(loopback(one_port=port)) as first,
        PeerConnection(loopback(one_port=port)) as second,
        AsyncExitStack() as stack,
    ):
        pc.createDataChannel("chat")
        await pc.setLocalDescription()
        made = await stack.enter_async_context(await pc.fork(await answered(first, local(pc))))
        await writes(made, first)
        other = await stack.enter_async_context(await pc.fork(await answered(second, local(pc))))
        with pytest.raises(Exception, match="another connection"):
            await other.connected()
        assert made.connectionState == "connected"


@pytest.mark.needs("turnserver")
@pytest.mark.parametrize("query", ["?transport=udp", "?transport=tcp"])
async def test_forks_share_the_allocation_of_a_turn_server(tmp_path: Path, query: str) -> None:
    async with turn_daemon(tmp_path) as turn, nothing_left(), AsyncExitStack() as stack:
        configuration = loopback(
            iceServers=[turn.turn(query=query)],
            iceTransportPolicy="relay",
            bundlePolicy="max-bundle",
        )
        pc = await stack.enter_async_context(PeerConnection(configuration))
        pc.createDataChannel("chat")
        assert "typ relay" in (await gathered(pc)).sdp
        peers = []
        for _ in range(3):
            theirs = await stack.enter_async_context(PeerConnection(loopback()))
            answer = await answered(theirs, local(pc))
            peers.append((theirs, answer))
        # A TURN server passes nothing on before we have spoken to the peer (RFC 8656 section 9).
        forks = []
        for theirs, answer in peers:
            made = await stack.enter_async_context(await pc.fork(answer))
            await writes(made, theirs)
            forks.append(made)
        assert len({re.findall(r"a=candidate:.*", local(each).sdp)[0] for each in forks}) == 1
        await forks[0].close()
        await pc.close()
        for made, (theirs, _) in list(zip(forks, peers, strict=True))[1:]:
            (channel,) = made.inherited_channels
            channel.send("again")
            await within(made.connected())
            await within(theirs.connected())


@pytest.mark.needs("turnserver")
async def test_turn_server_that_goes_away_is_noticed_by_each_fork(tmp_path: Path) -> None:
    async with nothing_left(), AsyncExitStack() as stack:
        async with turn_daemon(tmp_path) as turn:
            configuration = loopback(
                iceServers=[turn.turn(query="?transport=tcp")],
                iceTransportPolicy="relay",
                bundlePolicy="max-bundle",
            )
            pc = await stack.enter_async_context(PeerConnection(configuration))
            pc.createDataChannel("chat")
            offer = await gathered(pc)
            forks = []
            for _ in range(2):
                theirs = await stack.enter_async_context(PeerConnection(loopback()))
                answer = await answered(theirs, offer)
                made = await stack.enter_async_context(await pc.fork(answer))
                await writes(made, theirs)
                forks.append(made)
        # The TCP connection to it is gone, and so is each pair; without one, nothing is sent.
        transports = [made._core.executor.transports["0"] for made in forks]  # noqa: SLF001 - nobody else says that at once
        await until(lambda: not any(each.ice.send(b"\x80") for each in transports))
        await until(lambda: not any(each.ice.selected_pair for each in transports))


@pytest.mark.parametrize("early", [True, False], ids=["early", "at once"])
@pytest.mark.parametrize("ends", ["fork", "offerer", "nobody"])
@in_virtual_time
async def test_candidate_found_late_is_told_to_each_connection_that_is_left(
    ends: str, early: bool
) -> None:
    """Whichever of them asks the server: the fork does, where its peer began before its answer."""
    async with (
        nothing_left(),
        stun_server(None) as server,
        PeerConnection(loopback(iceServers=[IceServer(server.url)])) as pc,
        PeerConnection(loopback()) as theirs,
        AsyncExitStack() as stack,
    ):
        pc.createDataChannel("chat")
        await pc.setLocalDescription()
        answer = await answered(theirs, local(pc))
        if early:
            await within(theirs.connected())
        made = await stack.enter_async_context(await pc.fork(answer))
        await writes(made, theirs)
        left = {"fork": [pc], "offerer": [made], "nobody": [pc, made]}[ends]
        told = {each: notes(each) for each in left}
        for each in {pc, made} - set(left):
            await each.close()
        assert {each.iceGatheringState for each in left} == {"gathering"}
        server.mapped = ("203.0.113.1", 5000)
        await asyncio.gather(*(each.gathering_complete() for each in left))
        await asyncio.sleep(0.1)
        for each in left:
            assert "203.0.113.1 5000 typ srflx" in local(each).sdp
            assert "203.0.113.1 5000 typ srflx" in told[each][0]
            assert told[each][-1] == "None"


@in_virtual_time
async def test_server_that_never_answers_ends_the_gathering_of_each_fork() -> None:
    async with (
        nothing_left(),
        stun_server(None) as server,
        PeerConnection(loopback(iceServers=[IceServer(server.url)])) as pc,
        PeerConnection(loopback()) as theirs,
        AsyncExitStack() as stack,
    ):
        pc.createDataChannel("chat")
        await pc.setLocalDescription()
        answer = await answered(theirs, local(pc))
        made = await stack.enter_async_context(await pc.fork(answer))
        failed = [expected(each, "icecandidateerror") for each in (pc, made)]
        urls = {event.url for event in await asyncio.gather(*map(within, failed))}
        await asyncio.gather(pc.gathering_complete(), made.gathering_complete())
        assert urls == {server.url}
