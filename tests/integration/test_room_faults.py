"""A busy room whose sockets are cut at random moments, and whose server dies again and again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from typing import TYPE_CHECKING

from media import SyntheticAudioTrack
from signaling import Candidate, Reconnect, join
from tests.support.clock.deadline import DEADLINE
from tests.support.links.cable import Cable, cable_to
from tests.support.negotiation.connections import loopback
from tests.support.rooms.events import Watched
from tests.support.rooms.restarting import restarting_server

if TYPE_CHECKING:
    from signaling import PeerChannel

FAST = Reconnect(timeout=DEADLINE, first_delay=0.005, longest_delay=0.05)
NAMES = ("ann", "bob", "eve")
#: As many as fit into every run, and two hundred in `make interop`.
CUTS = 200 if os.environ.get("INTEROP") == "all" else 30


async def count_to(channel: PeerChannel, stop: asyncio.Event) -> int:
    """Send one number after the other, until told to stop."""
    number = 0
    while not stop.is_set():
        await channel.send(Candidate(candidate=str(number)))
        number += 1
        await asyncio.sleep(0.005)
    await channel.send(Candidate(candidate="end"))
    return number


async def numbers_of(channel: PeerChannel) -> list[str]:
    """Everything that came until the end."""
    heard: list[str] = []
    async for message in channel:
        assert isinstance(message, Candidate)
        if message.candidate == "end":
            break
        heard.append(message.candidate)
    return heard


async def change(people: list[Watched], chance: random.Random) -> None:
    """Give somebody something to negotiate with all others, half of the time for a moment only."""
    track = SyntheticAudioTrack()
    room = chance.choice(people).room
    room.publish(track)
    if chance.random() < 0.5:
        await asyncio.sleep(0)
        room.unpublish(track)


async def all_reach_all(people: list[Watched]) -> None:
    """Wait until a new track and a text of each have come to all others."""
    for sender in people:
        others = [each for each in people if each is not sender]
        before = [len(each.of("track")) for each in others]
        sender.room.publish(SyntheticAudioTrack())
        sender.room.send(f"from {sender.room.member}")
        for receiver, count in zip(others, before, strict=True):
            await receiver.event("track", count + 1)
            await receiver.text(f"from {sender.room.member}")


async def test_cuts_at_random_moments_cost_no_call_and_no_message(
    loop_complaints: list[str],
) -> None:
    chance = random.Random(14)
    async with (
        restarting_server(burst=10_000, messages_per_second=1000.0) as server,
        contextlib.AsyncExitStack() as stack,
        asyncio.timeout(3 * DEADLINE),
    ):
        cables: list[Cable] = []

        async def laid() -> str:
            cable, url = await stack.enter_async_context(cable_to(server.near_url))
            cables.append(cable)
            return url

        people: list[Watched] = []
        for name in NAMES:
            entry = join(
                await laid(), room="r", name=name, reconnect=FAST, configuration=loopback()
            )
            people.append(Watched(await stack.enter_async_context(entry)))
        one, other = [
            await stack.enter_async_context(join(await laid(), room="numbers", reconnect=FAST))
            for _ in range(2)
        ]
        there, here = await one.next_channel(), await other.next_channel()
        for each in people:
            await each.participants(len(NAMES) - 1)
        met = [each.room.participants for each in people]
        stop = asyncio.Event()
        counting = [asyncio.create_task(count_to(each, stop)) for each in (there, here)]
        hearing = [asyncio.create_task(numbers_of(each)) for each in (here, there)]

        for number in range(CUTS):
            if number % 5 == 0:
                await change(people, chance)
            # At any moment: in the middle of a message, of a return, or long after it.
            for _ in range(chance.randrange(40)):
                await asyncio.sleep(0)
            await asyncio.sleep(chance.random() * chance.random() * 0.05)
            chance.choice(cables).cut()

        stop.set()
        sent, heard = await asyncio.gather(*counting), await asyncio.gather(*hearing)
        assert heard == [[str(number) for number in range(count)] for count in sent]
        await all_reach_all(people)
        assert [each.room.participants for each in people] == met
        for each in people:
            assert each.of("participantleft") == each.of("participantaway") == []
            assert not any(back.rejoined for back in each.of("back"))
    # uvicorn writes on until it is told that a connection has broken.
    loop_complaints[:] = [each for each in loop_complaints if "socket.send() raised" not in each]


async def test_server_that_restarts_again_and_again_costs_no_call() -> None:
    chance = random.Random(41)
    async with (
        restarting_server() as server,
        contextlib.AsyncExitStack() as stack,
        asyncio.timeout(3 * DEADLINE),
    ):
        people: list[Watched] = []
        for name in NAMES:
            entry = join(server.url, room="r", name=name, reconnect=FAST, configuration=loopback())
            people.append(Watched(await stack.enter_async_context(entry)))
        for each in people:
            await each.participants(len(NAMES) - 1)
        met = [set(each.room.participants) for each in people]
        for turn in range(4):
            people[turn % len(people)].room.publish(SyntheticAudioTrack())
            for _ in range(chance.randrange(60)):
                await asyncio.sleep(0)
            server.stop()
            await asyncio.gather(*(each.event("away", turn + 1) for each in people))
            await server.start()
            await asyncio.gather(*(each.event("back", turn + 1) for each in people))
        await all_reach_all(people)
        assert [set(each.room.participants) for each in people] == met
        assert all(each.of("participantleft") == [] for each in people)
