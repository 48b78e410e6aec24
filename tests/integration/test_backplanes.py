"""Every backplane keeps rooms alike: in the process, and by Redis."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from signaling.errors import ErrorCode
from signaling.messages import (
    Ack,
    Bye,
    Error,
    Join,
    Offer,
    Peer,
    PeerJoined,
    PeerLeft,
    Pong,
    Resume,
    identity_of,
)
from signaling.server import Backplane, InProcessBackplane, Limits, RedisBackplane
from signaling.server.rooms import Refused, Seat
from tests.support.network.redis import redis_daemon
from tests.support.signaling.backplanes import Server, numbers, offers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

SECRET = "a secret of one participant"
LIMITS = Limits(
    members=6, members_per_room=3, rooms=2, backlog_messages=10, session_lifetime=0.2, faults=3
)


@pytest.fixture(params=["process", pytest.param("redis", marks=pytest.mark.needs("redis-server"))])
async def serving(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Callable[[Limits], Server]]:
    backplane: Backplane = InProcessBackplane()
    async with AsyncExitStack() as stack:
        if request.param == "redis":
            daemon = await stack.enter_async_context(redis_daemon(tmp_path))
            backplane = RedisBackplane(daemon.url, lease=2.0)
        await stack.enter_async_context(backplane)
        yield lambda limits: Server(backplane, limits)


@pytest.fixture
async def server(serving: Callable[[Limits], Server]) -> Server:
    return serving(Limits())


@pytest.fixture
async def small(serving: Callable[[Limits], Server]) -> Server:
    return serving(LIMITS)


async def test_members_see_each_other_in_the_order_of_joining(server: Server) -> None:
    first, second = await server.join(name="a"), await server.join(name="b")
    third = await server.join(name="c")
    assert first.reply.peers == ()
    assert third.reply.peers == (Peer(first.name, "a"), Peer(second.name, "b"))
    told = [message for message in await first.messages(2) if isinstance(message, PeerJoined)]
    assert [(peer.member, peer.name) for peer in told] == [(second.name, "b"), (third.name, "c")]
    # A credential of whoever is told, and not of the newcomer.
    assert {server.username for peer in told for server in peer.iceServers} == {first.name}


async def test_messages_go_to_one_or_to_all_and_never_into_another_room(server: Server) -> None:
    one, two, three = await server.join(), await server.join(), await server.join()
    stranger = await server.join("another")
    await one.send(Offer(sdp="1", to=two.name), Offer(sdp="2", sender="a liar"), Bye(to=three.name))
    assert (await two.messages(3))[1:] == [
        Offer(sdp="1", sender=one.name),
        Offer(sdp="2", sender=one.name),
    ]
    assert await three.messages(2) == [Offer(sdp="2", sender=one.name), Bye(sender=one.name)]
    await one.send(Offer(sdp="3", to=stranger.name))
    (*_, told) = await one.messages(3)
    assert told == Error(code=ErrorCode.NO_SUCH_PEER, reason=f"no peer {stranger.name!r} here")
    await stranger.send(Offer(sdp="4"))
    (told,) = await stranger.messages(1)
    assert told == Error(code=ErrorCode.NO_SUCH_PEER, reason="nobody else is here")


async def test_messages_to_nobody_and_to_oneself_are_told(server: Server) -> None:
    one, two = await server.join(), await server.join()
    await one.send(Offer(sdp="1", to=""), Offer(sdp="2", to=one.name), Offer(sdp="3", to=two.name))
    _, *told = await one.messages(3)
    assert [message.code for message in told if isinstance(message, Error)] == [
        ErrorCode.NO_SUCH_PEER
    ] * 2
    assert numbers(await two.messages(1)) == [3]


async def test_the_order_of_one_sender_is_kept_and_the_sender_told_that_all_arrived(
    server: Server,
) -> None:
    one, two = await server.join(), await server.join()
    await one.send(*offers(1, 100))
    assert numbers(await two.messages(100)) == [*range(1, 101)]
    await one.messages(1)
    returned, received = await server.resume(one, 1)
    assert received == 100
    assert await server.take(returned.connection_id) is None


async def test_who_returns_gets_what_it_has_not_received_and_no_more(server: Server) -> None:
    one, two = await server.join(), await server.join()
    await one.send(*offers(1, 3))
    assert numbers(await two.messages(3)) == [1, 2, 3]
    await two.acknowledge(1)
    two.break_off()
    await one.send(*offers(4, 6))
    # The first two arrived, and the acknowledgement of the second was lost.
    two, received = await server.resume(two, 2)
    assert received == 0
    assert numbers(await two.messages(4)) == [3, 4, 5, 6]
    await two.send(Offer(sdp="7"))
    assert numbers((await one.messages(1))[-1:]) == [7]


async def test_a_seat_is_known_by_its_session_and_refused_to_strangers(server: Server) -> None:
    member = await server.join("lobby", "ada")
    resume = Resume(session=member.session, received=0)
    assert await server.backplane.seat(resume) == Seat(room="lobby", name="ada")
    assert await server.backplane.seat(Join(room="x", name="y")) == Seat(room="x", name="y")
    stranger = Resume(session="x" * 43, received=0)
    assert isinstance(await server.backplane.seat(stranger), Refused)
    assert await server.refused(stranger) is ErrorCode.UNKNOWN_SESSION
    # One that claims messages which were never sent, and one that has lost some.
    too_many = Resume(session=member.session, received=5)
    assert await server.refused(too_many) is ErrorCode.UNKNOWN_SESSION


async def test_who_returns_replaces_the_connection_that_is_still_there(server: Server) -> None:
    one, two = await server.join(), await server.join()
    again, _ = await server.resume(two, 0)
    assert (await two.ended()).code is ErrorCode.REPLACED
    # What still comes from it, and its end, concern nobody.
    await two.send(Offer(sdp="1"))
    assert await server.take(two.connection_id) is None
    two.break_off(left=True)
    await again.send(Offer(sdp="2"))
    assert numbers((await one.messages(2))[-1:]) == [2]


async def test_the_others_are_told_how_a_member_went(server: Server) -> None:
    one, two, three = await server.join(), await server.join(), await server.join(resumable=False)
    two.break_off(left=True)
    three.break_off()
    *_, second, third = await one.messages(4)
    assert second == PeerLeft(member=two.name, reason="left")
    assert third == PeerLeft(member=three.name, reason="the connection broke")
    assert await server.refused(Resume(session=two.session, received=0)) is (
        ErrorCode.UNKNOWN_SESSION
    )


async def test_a_place_is_kept_for_a_while_and_no_longer(small: Server) -> None:
    one, two = await small.join(), await small.join(secret=SECRET)
    two.break_off()
    _, left = await one.messages(2)
    assert left == PeerLeft(member=two.name, reason="the connection broke", may_return=True)
    assert await small.refused(Resume(session=two.session, received=0)) is (
        ErrorCode.UNKNOWN_SESSION
    )


async def test_bounds_of_room_and_server_are_told_by_name(small: Server) -> None:
    for _ in range(3):
        await small.join("r")
    assert await small.refused(Join(room="r")) is ErrorCode.ROOM_FULL
    one, two = await small.join("s"), await small.join("s")
    assert await small.refused(Join(room="t")) is ErrorCode.SERVER_FULL
    two.break_off(left=True)
    await one.messages(2)
    assert len((await small.join("s")).reply.peers) == 1


async def test_a_member_without_a_connection_holds_its_place_in_the_server(
    serving: Callable[[Limits], Server],
) -> None:
    server = serving(Limits(members=2))
    _, two = await server.join(), await server.join()
    two.break_off()
    assert await server.refused(Join(room="another")) is ErrorCode.SERVER_FULL


async def test_the_third_fault_ends_a_member(small: Server) -> None:
    one, two = await small.join(), await small.join()
    await two.send("nonsense", Ack(received=7), Pong())
    told = await two.messages(2)
    assert [message.code for message in told if isinstance(message, Error)] == [
        ErrorCode.MALFORMED,
        ErrorCode.UNEXPECTED,
    ]
    await two.send(PeerLeft(member="x"))
    assert (await two.ended()).code is ErrorCode.UNEXPECTED
    assert (await one.messages(2))[1] == PeerLeft(
        member=two.name, reason="disconnected: unexpected"
    )


async def test_faults_are_counted_beyond_one_connection(small: Server) -> None:
    one = await small.join()
    await one.send("nonsense", "nonsense")
    one, received = await small.resume(one, 0)
    assert received == 2
    await one.send("nonsense")
    assert (await one.ended()).code is ErrorCode.MALFORMED


async def test_a_member_that_takes_nothing_is_too_slow_and_the_others_go_on(small: Server) -> None:
    one, two, three = await small.join(), await small.join(secret=SECRET), await small.join()
    for number in range(1, 20):
        await one.send(Offer(sdp=str(number)))
        await three.messages(1)
        await three.acknowledge(number)
        if two.connection_id in small.errors:
            break
    assert (await two.ended()).code is ErrorCode.TOO_SLOW
    left = PeerLeft(member=two.name, reason="disconnected: too-slow", may_return=True)
    assert left in await one.messages(3)


async def test_members_that_cannot_return_are_sent_more_than_is_kept(small: Server) -> None:
    one, two = await small.join(), await small.join(resumable=False)
    for number in range(1, 40):
        await one.send(Offer(sdp=str(number)))
        assert numbers(await two.messages(1)) == [number]
    # More than may wait, together.
    for _ in range(4):
        await one.send(Offer(sdp="x" * 300_000))
        await two.messages(1)
    assert two.connection_id not in small.errors


async def test_a_participant_that_joins_again_takes_its_earlier_place(small: Server) -> None:
    one, two, _ = await small.join(), await small.join(secret=SECRET), await small.join()
    again = await small.join(secret=SECRET)
    assert (await two.ended()).code is ErrorCode.REPLACED
    _, _, left, joined = await one.messages(4)
    assert left == PeerLeft(member=two.name, reason="disconnected: replaced", may_return=True)
    assert isinstance(joined, PeerJoined)
    assert (joined.member, joined.identity) == (again.name, identity_of(SECRET))
    assert two.name not in {peer.member for peer in again.reply.peers}


@pytest.mark.parametrize(("code", "may_return"), [("idle", True), ("too-fast", False)])
async def test_a_silent_member_is_expelled_and_may_join_again_and_a_hasty_one_not(
    server: Server, code: str, may_return: bool
) -> None:
    one, two = await server.join(), await server.join(secret=SECRET)
    server.backplane.expel(two.connection_id, ErrorCode(code), "for a reason")
    assert await two.ended() == Error(code=ErrorCode(code), reason="for a reason")
    _, left = await one.messages(2)
    assert left == PeerLeft(member=two.name, reason=f"disconnected: {code}", may_return=may_return)


async def test_a_member_whose_right_runs_out_is_expelled(server: Server) -> None:
    one = await server.join()
    two = await server.join(ends_at=asyncio.get_running_loop().time() + 0.05)
    assert (await two.ended()).code is ErrorCode.UNAUTHORIZED
    _, left = await one.messages(2)
    assert left == PeerLeft(member=two.name, reason="disconnected: unauthorized")


async def test_a_backplane_serves_one_app(server: Server) -> None:
    with pytest.raises(ValueError, match="one app"):
        Server(server.backplane)
