"""RFC 5763 section 6.3: one offer, several answers, and an association with each answerer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer import Certificate, DtlsError, SdpType
from tests.support.captures.dtls_reader import CLIENT_HELLO, SERVER_HELLO, hellos
from tests.support.captures.wire import Side, pass_on
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.negotiation.connection_state import nothing_left, sockets
from tests.support.negotiation.connections import announced, both_connected, forged, reached, within
from tests.support.negotiation.forked_offer import Answerer, ForkedOffer, forked_offer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peer import SessionDescription
    from tests.support.captures.wire import Captured

pytestmark = pytest.mark.conformance("6.3-forking")

COUNT = 3


async def begun(at: ForkedOffer) -> None:
    """RFC 5763 section 5, with each of them: a ClientHello is answered before the answer."""
    await asyncio.gather(*(each.begun() for each in at.answerers))


def replaced(answer: SessionDescription, old: str, new: str) -> SessionDescription:
    return replace(answer, sdp=answer.sdp.replace(old, new))


def has_keys_of_its_own(answerers: Sequence[Answerer]) -> bool:
    """Tell by the captured handshakes whether each had one of its own, and only one."""
    log = [list(each.wire.of()) for each in answerers]
    asked = [{each.random for each in hellos(one, CLIENT_HELLO)} for one in log]
    answered = [{each.random for each in hellos(one, SERVER_HELLO)} for one in log]
    each_one = [len(each) for each in (*asked, *answered)] == [1] * 2 * len(answerers)
    return each_one and len(set().union(*asked)) == len(set().union(*answered)) == len(answerers)


async def test_sound_and_messages_flow_with_each_of_three_answerers_at_once() -> None:
    async with nothing_left(), forked_offer(COUNT) as at:
        forks = [await at.fork(each) for each in at.answerers]
        await asyncio.gather(*(each.speaks_with(forks[each.number]) for each in at.answerers))
        assert has_keys_of_its_own(at.answerers)
        assert [each.id for each in forks] == [f"{at.pc.id}/{n + 1}" for n in range(COUNT)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("early", [True, False], ids=["early", "at once"])
@in_virtual_time
async def test_each_answerer_has_an_association_of_its_own_in_any_order(
    order: tuple[int, ...], early: bool
) -> None:
    before = len(sockets())
    async with nothing_left(), forked_offer(COUNT, sound=False) as at:
        if early:
            await begun(at)
        forks = {n: await at.fork(at.answerers[n]) for n in order}
        await asyncio.gather(*(at.answerers[n].writes_with(forks[n]) for n in order))

        assert has_keys_of_its_own(at.answerers)
        # One of ours, one of each answerer, and two of each wire.
        assert len(sockets()) - before == 1 + 3 * COUNT
        assert at.pc.signalingState == "have-local-offer"
        assert at.pc.connectionState == "new"


@in_virtual_time
async def test_answer_that_is_20_s_later_than_the_others_gets_a_fork_too() -> None:
    async with nothing_left(), forked_offer(2, sound=False) as at:
        soon, late = at.answerers
        first = await at.fork(soon)
        await soon.writes_with(first)
        await asyncio.sleep(20.0)
        second = await at.fork(late)
        await late.writes_with(second)
        await soon.writes_with(first)


@in_virtual_time
async def test_provisional_answer_makes_a_fork_that_takes_the_final_one_itself() -> None:
    async with nothing_left(), forked_offer(2, sound=False) as at:
        first, second = at.answerers
        provisional = replace(first.answer, type=SdpType.PRANSWER)
        ringing = await at.fork(first, provisional)
        assert ringing.signalingState == "have-remote-pranswer"
        await first.writes_with(ringing)
        other = await at.fork(second)
        await second.writes_with(other)
        await ringing.setRemoteDescription(first.answer)
        await first.writes_with(ringing)

        assert [ringing.signalingState, other.signalingState] == ["stable", "stable"]
        assert has_keys_of_its_own(at.answerers)


@pytest.mark.parametrize("dropped", range(COUNT))
@in_virtual_time
async def test_dropped_fork_is_told_so_and_the_others_go_on(dropped: int) -> None:
    async with nothing_left(), forked_offer(COUNT, sound=False) as at:
        await begun(at)
        forks = [await at.fork(each) for each in at.answerers]
        await asyncio.gather(*(each.writes_with(forks[each.number]) for each in at.answerers))
        await forks[dropped].close()
        gone = at.answerers[dropped].pc
        # Its close_notify says so at once; consent would take seconds.
        await reached(gone, "connectionstatechange", lambda: gone.connectionState == "disconnected")
        await at.pc.close()
        kept = [each for each in at.answerers if each.number != dropped]
        for _ in range(2):
            await asyncio.gather(*(each.writes_with(forks[each.number]) for each in kept))
            # Consent is asked for and given with the parent gone.
            await asyncio.sleep(60.0)
        assert {forks[each.number].connectionState for each in kept} == {"connected"}


@in_virtual_time
async def test_dropped_peer_that_is_not_told_so_loses_consent() -> None:
    """Its checks are not taken for those of a device that has yet to answer."""
    async with nothing_left(), forked_offer(2, sound=False) as at:
        dropped, other = at.answerers
        made = await at.fork(dropped)
        await dropped.writes_with(made)

        def lose_records(each: Captured) -> Iterable[bytes]:
            return () if each.is_dtls else pass_on(each)

        dropped.wire.fate = lose_records
        await made.close()
        await reached(
            dropped.pc,
            "connectionstatechange",
            lambda: dropped.pc.connectionState == "failed",
        )
        assert "consent" in str(dropped.pc.error)
        made = await at.fork(other)
        await other.writes_with(made)


@in_virtual_time
async def test_one_answer_of_several_is_taken_by_the_offerer_itself() -> None:
    async with nothing_left(), forked_offer(COUNT, sound=False) as at:
        await begun(at)
        first, own, refused = at.answerers
        kept = await at.fork(first)
        await at.pc.setRemoteDescription(own.answer)
        await both_connected(at.pc, own.pc)
        await first.writes_with(kept)
        gone = refused.pc
        await reached(gone, "connectionstatechange", lambda: gone.connectionState != "connected")
        assert [at.pc.connectionState, own.pc.connectionState] == ["connected", "connected"]
        assert has_keys_of_its_own(at.answerers)


@pytest.mark.parametrize("early", [True, False], ids=["early", "at once"])
@in_virtual_time
async def test_wrong_fingerprint_fails_one_fork_alone(early: bool) -> None:
    stranger = Certificate.generate().fingerprint()
    async with nothing_left(), forked_offer(COUNT, sound=False) as at:
        if early:
            await begun(at)
        bad = at.answerers[1]
        bad.answer = forged(bad.answer, stranger)
        forks = [await at.fork(each) for each in at.answerers]
        with pytest.raises(DtlsError, match=str(stranger)):
            await within(forks[1].connected())
        for number in (0, 2):
            await at.answerers[number].writes_with(forks[number])
        assert [f.connectionState for f in forks] == ["connected", "failed", "connected"]


@in_virtual_time
async def test_fingerprints_of_two_answers_that_are_swapped_fail_both() -> None:
    """An association is told by ICE, and has to show what the answer of that peer named."""
    async with nothing_left(), forked_offer(2, sound=False) as at:
        await begun(at)
        one, two = at.answerers
        theirs = [announced(each.pc) for each in (one, two)]
        one.answer = replaced(one.answer, *theirs)
        two.answer = replaced(two.answer, *reversed(theirs))
        for each in (one, two):
            made = await at.fork(each)
            with pytest.raises(DtlsError):
                await within(made.connected())


@in_virtual_time
async def test_fork_answers_no_datagram_that_another_answerer_was_sent() -> None:
    """Each answerer is spoken to from the offer's one address, and told nothing of the others."""
    async with nothing_left(), forked_offer(2, sound=False) as at:
        silent, heard = at.answerers
        held: list[bytes] = []

        def hold(each: Captured) -> Iterable[bytes]:
            if each.sender is Side.ANSWERER:
                held.append(each.data)
                return ()
            return pass_on(each)

        forks = [await at.fork(each) for each in at.answerers]
        await asyncio.gather(*(each.writes_with(forks[each.number]) for each in at.answerers))
        silent.wire.fate = hold
        await asyncio.sleep(10.0)
        assert held
        path = heard.wire.paths[0]
        before = forks[1].security.transports
        for each in held:
            # A replay of what one answerer said, from the address of the other.
            path.inject(Side.OFFERER, each)
        await heard.writes_with(forks[1])
        assert forks[1].security.transports == before
