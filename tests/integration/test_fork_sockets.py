"""The sockets that forks share: several transports, one port for all, an allocation of TURN."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from peer import BundlePolicy, PeerConnection
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.negotiation.connection_state import nothing_left, sockets
from tests.support.negotiation.connections import (
    both_connected,
    expected,
    local,
    loopback,
    opened,
    says,
    unbundled,
    within,
)
from tests.support.negotiation.forked_offer import forked_offer
from tests.support.network.free_ports import free_port, ports
from tests.support.network.turn import turn_daemon

if TYPE_CHECKING:
    from pathlib import Path

    from peer import IceCandidate, SessionDescription


async def answered(theirs: PeerConnection, offer: SessionDescription) -> SessionDescription:
    await theirs.setRemoteDescription(offer)
    await theirs.setLocalDescription()
    await within(theirs.gathering_complete())
    return local(theirs)


async def writes(made: PeerConnection, theirs: PeerConnection) -> None:
    """Check that a message goes there, once they are connected."""
    coming = expected(theirs, "datachannel")
    (channel,) = made.inherited_channels
    await both_connected(made, theirs)
    await opened(channel)
    await says(channel, "there", (await within(coming)).channel)


@pytest.mark.parametrize("early", [True, False], ids=["early", "at once"])
def test_each_transport_of_an_offer_without_bundle_is_forked(early: bool) -> None:
    @in_virtual_time
    async def run() -> None:
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

    run()


def test_forks_on_one_port_of_the_process_share_it_with_other_connections() -> None:
    @in_virtual_time
    async def run() -> None:
        port = free_port()
        configuration = loopback(one_port=port)
        async with (
            nothing_left(),
            PeerConnection(configuration) as other,
            forked_offer(3, configuration, sound=False) as at,
            AsyncExitStack() as stack,
        ):
            other.createDataChannel("x")
            await other.setLocalDescription()
            forks = [
                await stack.enter_async_context(await at.pc.fork(a.answer)) for a in at.answerers
            ]
            await at.pc.close()
            await asyncio.gather(*(a.writes_with(forks[a.number]) for a in at.answerers))
            assert [ports(each) for each in (other, *forks)] == [{port}] * 4
            forks[0].restartIce()
            await forks[0].setLocalDescription()
            assert ports(forks[0]) == {port}

    run()


def test_two_answerers_behind_one_address_cannot_both_be_served_and_the_second_says_why() -> None:
    @in_virtual_time
    async def run() -> None:
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
            other = await stack.enter_async_context(
                await pc.fork(await answered(second, local(pc)))
            )
            with pytest.raises(Exception, match="another connection"):
                await other.connected()
            assert made.connectionState == "connected"

    run()


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
        await pc.setLocalDescription()
        await within(pc.gathering_complete())
        assert "typ relay" in local(pc).sdp
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
@pytest.mark.parametrize("ends", ["the fork that began", "the offerer"])
async def test_gathering_goes_on_for_those_that_are_left(tmp_path: Path, ends: str) -> None:
    """A candidate that comes late is told to each connection that lives by then."""
    async with turn_daemon(tmp_path) as turn, nothing_left(), AsyncExitStack() as stack:
        configuration = loopback(iceServers=[turn.turn()], bundlePolicy="max-bundle")
        pc = await stack.enter_async_context(PeerConnection(configuration))
        theirs = await stack.enter_async_context(PeerConnection(loopback()))
        pc.createDataChannel("chat")
        await pc.setLocalDescription()
        assert pc.iceGatheringState == "gathering"
        await theirs.setRemoteDescription(local(pc))
        await theirs.setLocalDescription()
        made = await stack.enter_async_context(await pc.fork(local(theirs)))
        left = made if ends == "the offerer" else pc
        found: list[IceCandidate | None] = []
        left.on("icecandidate", lambda event: found.append(event.candidate))
        await (pc if ends == "the offerer" else made).close()
        await within(left.gathering_complete())
        assert "typ relay" in local(left).sdp
        assert [each for each in found if each is not None and "typ relay" in each.candidate]
        assert found[-1] is None
