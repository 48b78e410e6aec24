"""Servers that share their rooms by a real Redis, which is stopped, killed and emptied."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import pytest

from signaling import join
from signaling.errors import ErrorCode
from signaling.messages import Bye, Join, Offer, Peer, PeerJoined, PeerLeft, identity_of
from signaling.server import Limits, RedisBackplane, create_app
from signaling.server.redis_link import RedisLink, UnavailableError
from tests.support.clock.deadline import DEADLINE
from tests.support.links.cable import cable_to
from tests.support.network.asgi import serve
from tests.support.network.certificate import write_certificate
from tests.support.network.process_end import kill
from tests.support.network.redis import RedisDaemon, redis_daemon
from tests.support.project.tools import ROOT
from tests.support.signaling.backplanes import Member, Server, numbers, offers

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

    from signaling.messages import Message

pytestmark = pytest.mark.needs("redis-server")

SCRIPT = ROOT / "signaling" / "server" / "redis_rooms.lua"
SECRET = "a secret of one participant"
#: Seconds for which Redis is away; the longer one is what docs/SIGNALING.md promises.
ABSENCES = [1.0, pytest.param(10.0, marks=pytest.mark.long)]


@dataclass
class Servers:
    """A Redis, and servers that share rooms by it."""

    redis: RedisDaemon
    stack: AsyncExitStack

    async def start(
        self,
        *,
        url: str | None = None,
        patience: float = DEADLINE,
        lease: float = 10.0,
        limits: Limits | None = None,
    ) -> Server:
        backplane = RedisBackplane(url or self.redis.url, patience=patience, lease=lease)
        server = Server(backplane, limits)
        await self.stack.enter_async_context(backplane)
        await ready(server, True)
        return server


async def ready(server: Server, wanted: bool) -> None:
    async with asyncio.timeout(DEADLINE):
        while server.backplane.ready is not wanted:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.02)


#: A server with a member that can return, and one that cannot.
_SHORT_LIVED = """
import asyncio, sys
from signaling import join
from signaling.server import Limits, RedisBackplane, create_app
from tests.support.project.tools import ROOT
from tests.support.signaling.backplanes import Server

async def main():
    async with RedisBackplane(sys.argv[1], lease=0.5) as backplane:
        server = Server(backplane, Limits(session_lifetime=0.2))
        await server.join(resumable=True)
        await server.join(resumable=False)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def short_lived(redis: RedisDaemon) -> AsyncIterator[Process]:
    """Run a server in a process of its own, which is heard of every 0.1 s."""
    program = (sys.executable, "-c", _SHORT_LIVED, redis.url)
    process = await asyncio.create_subprocess_exec(*program, cwd=ROOT)
    try:
        yield process
    finally:
        kill(process)
        await process.wait()


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[Servers]:
    async with redis_daemon(tmp_path) as redis, AsyncExitStack() as stack:
        yield Servers(redis, stack)


async def test_members_of_two_servers_see_one_room(servers: Servers) -> None:
    here, there = await servers.start(), await servers.start()
    one, two = await here.join(name="a"), await there.join(name="b")
    assert two.reply.peers == (Peer(one.name, "a"),)
    (told,) = await one.messages(1)
    assert isinstance(told, PeerJoined)
    assert told.member == two.name
    await asyncio.gather(one.send(*offers(1, 200)), two.send(*offers(1, 200)))
    assert numbers(await one.messages(200)) == [*range(1, 201)]
    assert numbers(await two.messages(200)) == [*range(1, 201)]
    await one.send(Bye(to=two.name))
    assert await two.messages(1) == [Bye(sender=one.name)]
    two.break_off(left=True)
    assert await one.messages(1) == [PeerLeft(member=two.name, reason="left")]


async def test_a_session_resumes_on_another_server(servers: Servers) -> None:
    here, there = await servers.start(), await servers.start()
    one, two = await here.join(), await here.join()
    await one.send(*offers(1, 3))
    assert numbers(await two.messages(3)) == [1, 2, 3]
    await two.send(*offers(1, 2))
    two.break_off()
    await one.send(*offers(4, 5))
    two, received = await there.resume(two, 2)
    assert received == 2
    assert numbers(await two.messages(3)) == [3, 4, 5]
    await two.send(Offer(sdp="3"))
    assert numbers(await one.messages(4)) == [1, 2, 3]


async def test_the_connection_at_the_former_server_is_told_that_it_is_replaced(
    servers: Servers,
) -> None:
    here, there = await servers.start(), await servers.start()
    one, two = await here.join(), await here.join()
    again, _ = await there.resume(two, 0)
    assert (await two.ended()).code is ErrorCode.REPLACED
    await two.send(Offer(sdp="1"))
    await again.send(Offer(sdp="2"))
    assert numbers(await one.messages(2)) == [2]


async def test_a_participant_takes_its_place_at_another_server(servers: Servers) -> None:
    here, there = await servers.start(), await servers.start()
    one, two = await here.join(), await here.join(secret=SECRET)
    again = await there.join(secret=SECRET)
    assert (await two.ended()).code is ErrorCode.REPLACED
    _, left, joined = await one.messages(3)
    assert left == PeerLeft(member=two.name, reason="disconnected: replaced", may_return=True)
    assert isinstance(joined, PeerJoined)
    assert (joined.member, joined.identity) == (again.name, identity_of(SECRET))


async def test_the_size_of_a_room_holds_over_all_servers(servers: Servers) -> None:
    limits = Limits(members_per_room=2, members=2)
    here, there = await servers.start(limits=limits), await servers.start(limits=limits)
    await here.join()
    await there.join()
    assert await here.refused(Join(room="r")) is ErrorCode.ROOM_FULL
    assert await there.refused(Join(room="r")) is ErrorCode.ROOM_FULL
    # Each server has its own places.
    await here.join("s")
    await there.join("s")
    assert await here.refused(Join(room="t")) is ErrorCode.SERVER_FULL


async def test_redis_keeps_no_secret_of_a_session_or_an_identity(servers: Servers) -> None:
    server = await servers.start()
    member = await server.join(secret=SECRET)
    async with servers.redis.client() as client:
        keys = [key async for key in client.scan_iter()]
        texts = [str(await client.dump(key)) for key in keys if not key.endswith(member.name)]
        texts.append(str(await client.hgetall(f"{{handfast}}:member:{member.name}")))
    for secret in (member.session, SECRET):
        assert not [text for text in (*keys, *texts) if secret in text]
    assert SECRET not in repr(server.backplane)


async def talk(one: Member, two: Member, count: int, started: asyncio.Event) -> None:
    """Send numbered messages both ways, the later ones after `started`."""

    async def send(member: Member) -> None:
        await member.send(*offers(1, count // 2))
        await started.wait()
        await member.send(*offers(count // 2 + 1, count))

    # Who was there first has a message about the other.
    _, _, first, second = await asyncio.gather(
        send(one), send(two), one.messages(count + 1), two.messages(count)
    )
    assert numbers(first) == numbers(second) == [*range(1, count + 1)]


@pytest.mark.parametrize("absence", ABSENCES)
@pytest.mark.parametrize("resumable", [True, False])
async def test_nothing_is_lost_or_doubled_while_redis_stands_still(
    servers: Servers, absence: float, resumable: bool
) -> None:
    here, there = await servers.start(), await servers.start()
    one, two = await here.join(resumable=resumable), await there.join(resumable=resumable)
    stopped = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(talk(one, two, 60, stopped))
        servers.redis.pause()
        stopped.set()
        await asyncio.sleep(absence)
        servers.redis.go_on()
    assert not here.errors
    assert not there.errors


@pytest.mark.parametrize("absence", ABSENCES)
async def test_nothing_is_lost_or_doubled_when_redis_is_killed_and_starts_again(
    servers: Servers, absence: float
) -> None:
    here, there = await servers.start(), await servers.start()
    one, two = await here.join(), await there.join()
    stopped = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(talk(one, two, 60, stopped))
        await servers.redis.kill()
        stopped.set()
        await ready(here, False)
        await asyncio.sleep(absence)
        await servers.redis.start()
    await ready(here, True)
    assert not here.errors
    assert len((await there.join()).reply.peers) == 2


async def test_no_place_runs_out_in_time_of_which_nobody_was_heard(servers: Servers) -> None:
    async with servers.redis.client() as client:
        script = client.register_script(SCRIPT.read_text())

        async def run(operation: str, *arguments: str | float) -> object:
            step = 0.1
            return await script(keys=["{handfast}:"], args=[operation, 9, 9999, step, *arguments])

        async def pass_without_redis(seconds: float) -> None:
            """Let its clock have been looked at so long ago."""
            clock = "{handfast}:clock"
            real = await client.hget(clock, "real")
            assert real is not None
            await client.hset(clock, "real", str(float(real) - seconds))

        lease = 0.5
        await run("join", "r", "m1", "here.0", "here", "", "", "{}", "{}", 9, 9, lease)
        # Redis, or all servers, were away for three leases: the clock goes on by one step.
        await pass_without_redis(3 * lease)
        await run("look", "there")
        assert await client.exists("{handfast}:member:m1")
        # Now servers look, and hear nothing of this one.
        for _ in range(5):
            await pass_without_redis(1)
            await run("look", "there")
        assert not await client.exists("{handfast}:member:m1")


async def test_members_of_a_server_that_was_killed_are_gone_for_the_others(
    servers: Servers,
) -> None:
    server = await servers.start()
    one = await server.join()
    seen: list[Message] = []

    async def see(kind: type[PeerJoined | PeerLeft], count: int) -> set[str]:
        while len(found := [message for message in seen if isinstance(message, kind)]) < count:
            seen.extend(await one.messages(1))
        return {message.member for message in found}

    async with short_lived(servers.redis) as process:
        joined = await see(PeerJoined, 2)
        kill(process)
        await process.wait()
        assert await see(PeerLeft, 2) == joined
    reasons = {message.reason for message in seen if isinstance(message, PeerLeft)}
    assert reasons == {"the connection broke"}


async def test_who_waits_for_redis_too_long_is_told_and_returns_without_loss(
    servers: Servers,
) -> None:
    here, there = await servers.start(patience=0.5), await servers.start()
    one, two = await here.join(), await there.join()
    await one.send(Offer(sdp="1"))
    servers.redis.pause()
    await one.send(Offer(sdp="2"))
    assert (await one.ended()).code is ErrorCode.UNAVAILABLE
    one.break_off()
    assert await here.refused(Join(room="r")) is ErrorCode.UNAVAILABLE
    # The command that it did not hear of any more may be run, or not: the answer says which.
    servers.redis.go_on()
    await ready(there, True)
    one, received = await there.resume(one, 0)
    assert received in (1, 2)
    await one.send(*offers(received + 1, 3))
    assert numbers(await two.messages(3)) == [1, 2, 3]


async def test_a_return_that_redis_gets_late_takes_the_seat_from_nobody(servers: Servers) -> None:
    here, there = await servers.start(), await servers.start()
    one, two = await here.join(), await here.join()
    async with servers.redis.client() as client:
        key = f"{{handfast}}:member:{two.name}"
        seen, session = map(str, await client.hmget(key, "token", "session"))
        again, _ = await there.resume(two, 0)
        # A command of another server, as it stood in a buffer since before that return.
        script = client.register_script(SCRIPT.read_text())
        late: list[str | int] = ["resume", 256, 10_000, 1, session, 0, "late.0", "late", seen, 10]
        assert await script(keys=["{handfast}:"], args=late) == ["again"]
    await again.send(Offer(sdp="1"))
    assert numbers(await one.messages(2)) == [1]


async def test_connections_to_redis_that_are_cut_again_and_again_lose_and_double_nothing(
    servers: Servers,
) -> None:
    random = Random(14)
    cable, url = await servers.stack.enter_async_context(cable_to(servers.redis.url))
    here, there = await servers.start(url=url), await servers.start(url=url)
    one, two = await here.join(), await there.join()
    begun = asyncio.Event()
    begun.set()
    talking = asyncio.create_task(talk(one, two, 200, begun))
    for _ in range(20):
        await asyncio.wait({talking}, timeout=random.uniform(0.0, 0.1))
        cable.cut()
        await ready(here, True)
    await talking
    assert cable.connections > 6
    await asyncio.gather(ready(here, True), ready(there, True))


async def test_members_are_told_when_redis_has_lost_everything(servers: Servers) -> None:
    server = await servers.start(lease=1.0)
    one, two = await server.join(), await server.join(resumable=False)
    async with servers.redis.client() as client:
        await client.flushall()
    # One asks and is told at once, the other at the next look.
    await one.send(Offer(sdp="1"))
    assert (await one.ended()).code is ErrorCode.UNKNOWN_SESSION
    assert (await two.ended()).code is ErrorCode.UNKNOWN_SESSION


async def test_members_are_told_when_redis_has_lost_the_last_messages(servers: Servers) -> None:
    server = await servers.start()
    one, two, three = await server.join(), await server.join(), await server.join()
    await one.send(*offers(1, 3))
    assert numbers(await two.messages(4)) == [1, 2, 3]
    async with servers.redis.client() as client:
        # As after a restart from what it had written a second before.
        await client.hset(f"{{handfast}}:member:{one.name}", "received", "1")
        await client.rpop(f"{{handfast}}:mailbox:{two.name}", 2)
        await client.hset(f"{{handfast}}:member:{two.name}", "kept", "1")
    await one.send(Offer(sdp="4"))
    assert (await one.ended()).code is ErrorCode.UNKNOWN_SESSION
    await three.send(Offer(sdp="5"))
    await server.take(two.connection_id)
    assert (await two.ended()).code is ErrorCode.UNKNOWN_SESSION


async def test_a_call_of_a_member_that_is_cancelled_ends_at_once(servers: Servers) -> None:
    server = await servers.start()
    one, two = await server.join(), await server.join()
    servers.redis.pause()
    sending = asyncio.create_task(one.send(Offer(sdp="1")))
    await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    servers.redis.go_on()
    one, received = await server.resume(one, 0)
    await one.send(*offers(received + 1, 2))
    assert numbers(await two.messages(2)) == [1, 2]


async def test_who_waits_for_redis_when_the_server_stops_is_told_and_not_cancelled(
    servers: Servers,
) -> None:
    async def look() -> None:
        await link.run("look", 1, 1, 1, "here")

    link = RedisLink(
        servers.redis.url,
        password=None,
        server="here",
        every=1.0,
        look=look,
        on_lines=lambda _: None,
        on_gap=lambda: None,
    )
    link.open()
    assert await link.insist("seat", 1, 1, 1, "nobody", patience=DEADLINE) == ["gone"]
    servers.redis.pause()
    asking = [
        asyncio.create_task(link.insist("seat", 1, 1, 1, "nobody", patience=DEADLINE))
        for _ in range(2)
    ]
    await asyncio.sleep(0.1)
    await link.close()
    outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [UnavailableError] * 2


async def test_redis_is_reached_by_tls_and_with_its_password(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    options = (
        *("--tls-port", "{port}", "--port", "0", "--requirepass", "open sesame"),
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
        *("--tls-auth-clients", "no"),
    )
    async with redis_daemon(tmp_path, *options) as redis:
        url = f"rediss://127.0.0.1:{redis.port}/0"
        trusted = f"{url}?ssl_ca_certs={certificate}"
        async with RedisBackplane(trusted, password="open sesame") as backplane:
            server = Server(backplane)
            await ready(server, True)
            await server.join()
        # Neither a server that anybody could be, nor a wrong password.
        for wrong, password in ((url, "open sesame"), (trusted, "wrong")):
            async with RedisBackplane(wrong, password=password, patience=0.5) as backplane:
                assert await Server(backplane).refused(Join(room="r")) is ErrorCode.UNAVAILABLE


async def test_an_app_that_is_served_alone_closes_its_backplane(servers: Servers) -> None:
    backplane = RedisBackplane(servers.redis.url)
    async with serve(create_app(backplane=backplane)) as url, join(f"{url}/ws", room="r") as room:
        assert room.member
        was_ready = backplane.ready
    assert (was_ready, backplane.ready) == (True, False)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("redis")]


async def test_redis_keeps_nothing_of_those_who_left(servers: Servers) -> None:
    server = await servers.start()
    members = [await server.join(resumable=number % 2 == 0) for number in range(4)]
    for member in members:
        await member.send(*offers(1, 5))
    for member in members:
        member.break_off(left=True)
    async with servers.redis.client() as client, asyncio.timeout(DEADLINE):
        while await client.dbsize() > 1:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.02)
        assert await client.keys() == ["{handfast}:clock"]
