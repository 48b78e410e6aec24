"""The life of forks: their events, restarts, keys and end, each without the others."""

from __future__ import annotations

import asyncio
import gc
import re
import warnings
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from peer import PeerConnection, SdpType, SessionDescription
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.negotiation.connection_state import nothing_left
from tests.support.negotiation.connections import (
    both_connected,
    exchange,
    expected,
    happened,
    local,
    loopback,
    within,
    without_candidates,
)
from tests.support.negotiation.forked_offer import forked_offer
from tests.support.tracing.traces import line

if TYPE_CHECKING:
    from peer import TrackEvent
    from peer.tracing.events import TraceEvent


@in_virtual_time
async def test_answer_that_comes_before_any_check_makes_a_fork() -> None:
    async with nothing_left(), PeerConnection(loopback()) as pc, AsyncExitStack() as stack:
        pc.createDataChannel("chat")
        await pc.setLocalDescription()
        for number in range(3):
            theirs = await stack.enter_async_context(PeerConnection(loopback()))
            await theirs.setRemoteDescription(local(pc))
            await theirs.setLocalDescription()
            made = await stack.enter_async_context(await pc.fork(local(theirs)))
            await both_connected(made, theirs)
            assert made.id == f"{pc.id}/{number + 1}"
        assert pc.signalingState == "have-local-offer"


@in_virtual_time
async def test_a_hundred_forks_in_a_row_leave_nothing_behind() -> None:
    async with nothing_left(), PeerConnection(loopback()) as pc:
        pc.createDataChannel("chat")
        await pc.setLocalDescription()
        core = pc._core  # noqa: SLF001 - nobody else sees what it holds
        async with PeerConnection(loopback()) as theirs:
            await theirs.setRemoteDescription(without_candidates(local(pc)))
            await theirs.setLocalDescription()
            answer = local(theirs)
        for number in range(100):
            if number % 10:
                # A device that answers, and is not there any more.
                ufrag = f"a=ice-ufrag:gone{number}"
                sdp = re.sub("a=ice-ufrag:[^\r]*", ufrag, answer.sdp)
                await (await pc.fork(replace(answer, sdp=sdp))).close()
                continue
            async with PeerConnection(loopback()) as theirs:
                await theirs.setRemoteDescription(local(pc))
                await theirs.setLocalDescription()
                if number % 20:
                    await theirs.connected()
                async with await pc.fork(local(theirs)) as made:
                    await both_connected(made, theirs)
        await asyncio.sleep(0)
        (transport,) = core.executor.transports.values()
        (socket,) = transport.ice._active.ice._agent.sockets  # noqa: SLF001 - as above
        assert socket.share is not None
        port = socket.share._port  # noqa: SLF001 - as above
        assert [len(port._members), len(port._forks)] == [1, 0]  # noqa: SLF001 - as above
        assert not port._holders  # noqa: SLF001 - as above
        shared = transport.ice._active.ice._shared  # noqa: SLF001 - as above
        assert len(shared._members) == 1  # noqa: SLF001 - as above
        assert [core.forks.open, core.forks._early] == [0, {}]  # noqa: SLF001 - as above


@in_virtual_time
async def test_fork_restarts_ice_and_changes_keys_by_itself() -> None:
    async with nothing_left(), forked_offer(2, sound=False) as at:
        forks = [await at.fork(each) for each in at.answerers]
        await asyncio.gather(*(each.writes_with(forks[each.number]) for each in at.answerers))
        changed, other = at.answerers
        ufrags = [local(each).sdp.split("a=ice-ufrag:")[1][:4] for each in (*forks, at.pc)]
        assert len(set(ufrags)) == 1
        await at.pc.close()
        forks[0].restartIce()
        await exchange(forks[0], changed.pc)
        await changed.writes_with(forks[0])
        rekey = asyncio.ensure_future(forks[0].rekey())
        await happened(forks[0], "negotiationneeded")
        await exchange(forks[0], changed.pc)
        assert (await within(rekey)).changed
        await changed.writes_with(forks[0])
        # The sockets of the offer are the other fork's still.
        await asyncio.sleep(300.0)
        await changed.writes_with(forks[0])
        await other.writes_with(forks[1])
        assert local(forks[0]).sdp.split("a=ice-ufrag:")[1][:4] not in ufrags


@in_virtual_time
async def test_fork_that_its_peer_renegotiates_leaves_the_others_alone() -> None:
    async with nothing_left(), forked_offer(2, sound=False) as at:
        forks = [await at.fork(each) for each in at.answerers]
        await asyncio.gather(*(each.writes_with(forks[each.number]) for each in at.answerers))
        first, second = at.answerers
        first.pc.addTransceiver("audio")
        await exchange(first.pc, forks[0])
        assert [len(each.getTransceivers()) for each in (*forks, at.pc)] == [1, 0, 0]
        await first.writes_with(forks[0])
        await second.writes_with(forks[1])


@in_virtual_time
async def test_offer_that_is_taken_back_leaves_its_forks_alone() -> None:
    async with nothing_left(), forked_offer(2, sound=False) as at:
        kept, late = at.answerers
        made = await at.fork(kept)
        await at.pc.setLocalDescription(SessionDescription("", SdpType.ROLLBACK))
        await late.pc.close()
        await kept.writes_with(made)
        await asyncio.sleep(60.0)
        await kept.writes_with(made)
        assert at.pc.signalingState == "stable"


@in_virtual_time
async def test_events_of_a_fork_wait_for_their_first_handler() -> None:
    async with nothing_left(), PeerConnection(loopback()) as pc:
        pc.addTransceiver("audio")
        pc.createDataChannel("ours")
        await pc.setLocalDescription()
        async with PeerConnection(loopback()) as theirs:
            await theirs.setRemoteDescription(local(pc))
            theirs.getTransceivers()[0].direction = "sendrecv"
            theirs.createDataChannel("theirs")
            await theirs.setLocalDescription()
            async with await asyncio.create_task(pc.fork(local(theirs))) as made:
                await both_connected(made, theirs)
                await asyncio.sleep(1.0)
                tracks: list[TrackEvent] = []
                made.on("track", tracks.append)
                channel = (await happened(made, "datachannel")).channel
                assert channel.label == "theirs"
                assert [each.transceiver for each in tracks] == made.getTransceivers()
                assert [each.label for each in made.inherited_channels] == ["ours"]
                assert pc.inherited_channels == ()


@in_virtual_time
async def test_trace_tells_of_forks_and_each_fork_has_one_of_its_own() -> None:
    ours: list[TraceEvent] = []
    theirs: list[TraceEvent] = []
    configuration = loopback(bundlePolicy="max-bundle", trace=ours.append)
    async with forked_offer(2, configuration, sound=False) as at:
        await at.answerers[0].begun()
        made = await at.pc.fork(at.answerers[0].answer, trace=theirs.append)
        await within(made.connected())
        await made.close()
        told_here, told_there = [list(map(line, each)) for each in (ours, theirs)]
        assert [each for each in told_here if "fork" in each] == ["fork made", "fork closed"]
        assert "in answer" not in told_here
        assert "in answer" in told_there
        assert "connectionState closed" in told_there


async def test_forgotten_fork_is_closed_with_a_warning_and_its_parent_goes_on() -> None:
    async with nothing_left(), forked_offer(2, sound=False) as at:
        first, second = at.answerers
        made = await at.pc.fork(first.answer)
        await first.writes_with(made)
        name, gone = made.id, expected(first.pc, "connectionstatechange")
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            del made
            gc.collect()
            assert any(name in str(each.message) for each in warned)
        await within(gone)
        await second.writes_with(await at.fork(second))
