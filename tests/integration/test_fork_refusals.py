"""Answers that make no fork, which change nothing."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from peer import (
    ConfigurationError,
    DescriptionError,
    IceError,
    IcePolicy,
    InvalidStateError,
    PeerConfiguration,
    PeerConnection,
    RtcpMuxPolicy,
    SdpType,
)
from peer.transport.adapters import ice_gathering
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.negotiation.connection_state import nothing_left, refused
from tests.support.negotiation.connections import (
    answer,
    connected_pair,
    local,
    loopback,
    offer,
    pair,
    within,
)
from tests.support.negotiation.forked_offer import forked_offer
from tests.support.negotiation.without_ice import without_ice


async def test_answer_without_an_offer_makes_no_fork() -> None:
    async with pair() as (pc, theirs):
        pc.createDataChannel("x")
        await offer(pc, theirs)
        await answer(theirs, pc)
        description = local(theirs)
        async with refused(pc, InvalidStateError, "'have-local-offer', not 'stable'"):
            await pc.fork(description)
        await pc.close()
        with pytest.raises(InvalidStateError, match="closed"):
            await pc.fork(description)


async def test_offer_to_a_peer_that_has_answered_before_makes_no_fork() -> None:
    async with connected_pair() as (pc, theirs, _):
        pc.addTransceiver("audio")
        await offer(pc, theirs)
        await theirs.setLocalDescription()
        async with refused(pc, InvalidStateError, "only the first offer"):
            await pc.fork(local(theirs))
        await pc.setRemoteDescription(local(theirs))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("a=setup:active", "a=setup:actpass", "actpass"),
        ("a=fingerprint", "a=x-fingerprint", "fingerprint"),
        ("m=application", "m=audio", "has audio for the offer's application"),
    ],
)
async def test_answer_that_cannot_be_accepted_makes_no_fork(old: str, new: str, words: str) -> None:
    async with forked_offer(2, sound=False) as at:
        first, second = at.answerers
        bad = replace(first.answer, sdp=first.answer.sdp.replace(old, new))
        await first.begun()
        async with refused(at.pc, DescriptionError, words):
            await at.pc.fork(bad)
        made = await at.fork(first)
        await first.writes_with(made)
        other = await at.fork(second)
        await second.writes_with(other)


async def test_description_that_is_no_answer_makes_no_fork() -> None:
    async with pair() as (pc, theirs):
        pc.createDataChannel("x")
        theirs.createDataChannel("x")
        await pc.setLocalDescription()
        await theirs.setLocalDescription()
        for kind in (SdpType.OFFER, SdpType.ROLLBACK):
            async with refused(pc, InvalidStateError, "answer"):
                await pc.fork(replace(local(theirs), type=kind))
        async with refused(pc, TypeError):
            await pc.fork("v=0")  # type: ignore[arg-type]  # the fault


async def test_second_answer_of_a_peer_belongs_to_its_fork() -> None:
    async with forked_offer(1, sound=False) as at:
        (only,) = at.answerers
        made = await at.fork(only)
        async with refused(at.pc, InvalidStateError, f"has the fork {made.id}"):
            await at.pc.fork(only.answer)
        await only.writes_with(made)


@in_virtual_time
async def test_answer_without_ice_makes_no_fork_and_those_with_it_do() -> None:
    configuration = loopback(ice=IcePolicy.OPTIONAL, rtcp_mux=RtcpMuxPolicy.NEGOTIATE)
    async with nothing_left(), forked_offer(3, configuration, sound=False) as at:
        *others, phone = at.answerers
        async with refused(at.pc, InvalidStateError, "an answer without ICE makes no fork"):
            await at.pc.fork(without_ice(phone.answer))
        for each in others:
            made = await at.fork(each)
            await each.writes_with(made)


@in_virtual_time
async def test_no_more_peers_are_served_than_the_configuration_allows() -> None:
    configuration = loopback(bundlePolicy="max-bundle", max_forks=2)
    async with nothing_left(), forked_offer(4, configuration, sound=False) as at:
        # The first to check has the offerer's own transport, two more have others.
        await asyncio.sleep(5.0)
        begun = [each for each in at.answerers if each.pc.connectionState == "connected"]
        (late,) = [each for each in at.answerers if each not in begun]
        assert late.pc.iceConnectionState == "checking"
        forks = [await at.fork(each) for each in begun[:2]]
        async with refused(at.pc, InvalidStateError, "2 forks are open, and max_forks is 2"):
            await at.pc.fork(late.answer)
        await forks[0].close()
        made = await at.fork(late)
        await late.writes_with(made)
        await begun[1].writes_with(forks[1])


@pytest.mark.parametrize("most", [-1, True, 1025, "2"])
def test_number_of_forks_that_is_none_is_refused(most: object) -> None:
    with pytest.raises(ConfigurationError, match="max_forks is from 0 to 1024"):
        PeerConfiguration(max_forks=most)  # type: ignore[arg-type]  # the fault


async def test_configuration_may_forbid_forks() -> None:
    async with forked_offer(1, loopback(max_forks=0), sound=False) as at:
        async with refused(at.pc, InvalidStateError, "max_forks is 0"):
            await at.pc.fork(at.answerers[0].answer)
        await at.pc.setRemoteDescription(at.answerers[0].answer)
        await at.pc.connected()


async def test_event_loop_that_cannot_watch_sockets_makes_no_fork(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(ice_gathering, "UdpTransport", refuse)
    async with PeerConnection(loopback()) as pc, AsyncExitStack() as stack:
        pc.createDataChannel("x")
        await pc.setLocalDescription()
        peers = []
        for _ in range(2):
            theirs = await stack.enter_async_context(PeerConnection(loopback()))
            await theirs.setRemoteDescription(local(pc))
            await theirs.setLocalDescription()
            peers.append(theirs)
        # Their checks come as well, and the first to begin has the offerer's transport.
        await within(peers[0].connected())
        async with refused(pc, IceError, "cannot watch sockets"):
            await pc.fork(local(peers[1]))
        await pc.setRemoteDescription(local(peers[0]))
        await within(pc.connected())
