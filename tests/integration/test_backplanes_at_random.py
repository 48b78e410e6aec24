"""Members that come and go at random, at one server or two, lose and repeat no message."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import pytest

from signaling.backlog import Backlog
from signaling.messages import Ack, Offer, PeerJoined, PeerLeft, decode, encode
from signaling.server import InProcessBackplane, Limits, RedisBackplane
from tests.support.clock.deadline import DEADLINE
from tests.support.network.redis import redis_daemon
from tests.support.signaling.backplanes import Member, Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LIMITS = Limits(backlog_messages=5000, session_lifetime=1000)
STEPS = 150
MOST = 4


@dataclass
class Client:
    """One member as its client sees it: what it sent, and from whom it has received what."""

    member: Member
    outbox: Backlog = field(default_factory=lambda: Backlog(messages=5000, size=1_000_000))
    connected: bool = True
    sent: int = 0
    received: int = 0
    #: Numbers of the messages of each sender, from the first one that came.
    heard: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    gone: set[str] = field(default_factory=set)

    async def write(self) -> None:
        while self.connected and (text := self.outbox.take()) is not None:
            await self.member.send(text)

    async def read(self, most: int) -> None:
        server, connection_id = self.member.server, self.member.connection_id
        for _ in range(most):
            frame = await server.take(connection_id)
            if frame is None:
                return
            self.hear(frame)

    def hear(self, frame: str) -> None:
        message = decode(frame)
        match message:
            case Ack(received=received):
                assert self.outbox.acknowledge(received)
                return
            case Offer():
                assert message.sender is not None
                assert message.sender not in self.gone
                self.heard[message.sender].append(int(message.sdp))
            case PeerLeft():
                self.gone.add(message.member)
            case PeerJoined():
                self.heard[message.member] = []
            case _:
                raise AssertionError(message)
        self.received += 1

    async def come_back(self, server: Server) -> None:
        """Return over another connection, though the former one may still be there."""
        self.member, received = await server.resume(self.member, self.received)
        assert self.outbox.rewind(received)
        self.connected = True
        await self.write()

    def has_all_of(self, other: Client) -> bool:
        return self.heard[other.member.name][-1:] == [other.sent]


class Walk:
    """Clients at the servers of one room, and what they do next."""

    def __init__(self, servers: list[Server], seed: int) -> None:
        self.servers = servers
        self.random = Random(seed)
        self.clients: list[Client] = []

    async def step(self) -> None:
        random = self.random
        if len(self.clients) < 2 or (len(self.clients) < MOST and random.random() < 0.1):
            self.clients.append(Client(await random.choice(self.servers).join()))
            return
        client = random.choice(self.clients)
        match random.choice(["send", "send", "read", "read", "ack", "break", "return", "leave"]):
            case "send":
                for _ in range(random.randint(1, 4)):
                    client.sent += 1
                    assert client.outbox.append(encode(Offer(sdp=str(client.sent))))
                await client.write()
            case "read" if client.connected:
                await client.read(random.randint(1, 12))
            case "ack" if client.connected:
                await client.member.acknowledge(client.received)
            case "break" if client.connected:
                # What was on its way to it is lost with the connection.
                for _ in range(random.randint(0, 3)):
                    await client.member.server.take(client.member.connection_id)
                client.connected = False
                if random.random() < 0.5:
                    client.member.break_off()
            case "return":
                await client.come_back(random.choice(self.servers))
            case "leave" if client.connected and random.random() < 0.3:
                client.member.break_off(left=True)
                self.clients.remove(client)

    async def to_the_end(self) -> None:
        """Let everybody return, and read until all messages are there."""
        for client in self.clients:
            await client.come_back(self.random.choice(self.servers))
        for client in self.clients:
            client.sent += 1
            assert client.outbox.append(encode(Offer(sdp=str(client.sent))))
            await client.write()
        for client in self.clients:
            others = [other for other in self.clients if other is not client]
            awake = client.member.server.awake[client.member.connection_id]
            async with asyncio.timeout(DEADLINE):
                while True:
                    awake.clear()
                    await client.read(10_000)
                    if all(map(client.has_all_of, others)):
                        break
                    await awake.wait()


@pytest.fixture(params=["process", pytest.param("redis", marks=pytest.mark.needs("redis-server"))])
async def servers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Server]]:
    async with AsyncExitStack() as stack:
        if request.param == "process":
            yield [Server(InProcessBackplane(), LIMITS)]
            return
        daemon = await stack.enter_async_context(redis_daemon(tmp_path))
        shared = [RedisBackplane(daemon.url) for _ in range(2)]
        for backplane in shared:
            await stack.enter_async_context(backplane)
        yield [Server(backplane, LIMITS) for backplane in shared]


@pytest.mark.parametrize("seed", range(3))
async def test_a_walk_at_random_loses_and_repeats_nothing(servers: list[Server], seed: int) -> None:
    walk = Walk(servers, seed)
    for _ in range(STEPS):
        await walk.step()
    await walk.to_the_end()
    for client in walk.clients:
        for other in walk.clients:
            heard = client.heard[other.member.name]
            if other is not client:
                # Who was there before the other has all of it; who came later, all since then.
                assert heard == [*range(heard[0], other.sent + 1)]
    for position, later in enumerate(walk.clients):
        for earlier in walk.clients[:position]:
            assert earlier.heard[later.member.name] == [*range(1, later.sent + 1)]
