"""The connections of one room server as its backplane sees them, without a WebSocket."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from signaling.ice_servers import IceServerEntry
from signaling.messages import (
    Ack,
    Error,
    Join,
    Joined,
    Message,
    Offer,
    Resume,
    Resumed,
    decode,
    encode,
)
from signaling.server.limits import Limits
from signaling.server.rooms import Admitted, ConnectionId, Disconnect, Effects, Refused, Wake
from tests.support.clock.deadline import DEADLINE

if TYPE_CHECKING:
    from signaling.errors import ErrorCode
    from signaling.server.backplane import Backplane


class Member:
    """One connection of one member; it acknowledges nothing by itself."""

    def __init__(self, server: Server, connection_id: ConnectionId, reply: Joined) -> None:
        self.server = server
        self.connection_id = connection_id
        self.reply = reply

    @property
    def name(self) -> str:
        return self.reply.member

    @property
    def session(self) -> str:
        assert self.reply.session is not None
        return self.reply.session

    async def send(self, *messages: Message | str) -> None:
        for message in messages:
            frame = message if isinstance(message, str) else encode(message)
            kept = self.server.backplane.receive(self.connection_id, frame)
            if kept is not None:
                await kept

    async def messages(self, count: int) -> list[Message]:
        """Wait for so many messages, and return them without the server's acks."""
        taken: list[Message] = []
        async with asyncio.timeout(DEADLINE):
            while len(taken) < count:
                awake = self.server.awake[self.connection_id]
                awake.clear()
                while (frame := await self.server.take(self.connection_id)) is not None:
                    message = decode(frame)
                    if not isinstance(message, Ack):
                        taken.append(message)
                if len(taken) < count:
                    await awake.wait()
        return taken

    async def ended(self) -> Error:
        """Wait until the connection is to be closed, and return what it is told."""
        async with asyncio.timeout(DEADLINE):
            while self.connection_id not in self.server.errors:
                self.server.told.clear()
                await self.server.told.wait()
        return self.server.errors[self.connection_id]

    def break_off(self, *, left: bool = False) -> None:
        self.server.backplane.disconnect(self.connection_id, left=left)

    async def acknowledge(self, received: int) -> None:
        await self.send(Ack(received=received))


class Server:
    """One server that uses a backplane."""

    def __init__(self, backplane: Backplane, limits: Limits | None = None) -> None:
        self.backplane = backplane
        self.awake: defaultdict[ConnectionId, asyncio.Event] = defaultdict(asyncio.Event)
        self.errors: dict[ConnectionId, Error] = {}
        self.told = asyncio.Event()
        backplane.bind(limits or Limits(), _ice_servers, self._follow)

    def _follow(self, effects: Effects) -> None:
        for effect in effects:
            match effect:
                case Wake(connection_id=connection_id):
                    self.awake[connection_id].set()
                case Disconnect(connection_id=connection_id, error=error):
                    self.errors.setdefault(connection_id, error)
                    self.told.set()

    async def take(self, connection_id: ConnectionId) -> str | None:
        """Return the next frame for a connection, as `MemberConnection` asks for it."""
        frame = self.backplane.take(connection_id)
        if frame is None and self.backplane.more(connection_id):
            await self.backplane.fetch(connection_id)
            frame = self.backplane.take(connection_id)
        return frame

    async def join(
        self,
        room: str = "r",
        name: str = "",
        *,
        resumable: bool = True,
        secret: str | None = None,
        ends_at: float | None = None,
    ) -> Member:
        join = Join(room=room, name=name, resumable=resumable, identity_secret=secret)
        outcome = await self.backplane.admit(join, ends_at=ends_at)
        assert isinstance(outcome, Admitted), outcome
        assert isinstance(outcome.reply, Joined)
        return Member(self, outcome.connection_id, outcome.reply)

    async def refused(self, message: Join | Resume) -> ErrorCode:
        outcome = await self.backplane.admit(message)
        assert isinstance(outcome, Refused), outcome
        return outcome.error.code

    async def resume(self, member: Member, received: int) -> tuple[Member, int]:
        """Return to a session, and to the number of messages that the server has of it."""
        outcome = await self.backplane.admit(Resume(session=member.session, received=received))
        assert isinstance(outcome, Admitted), outcome
        assert isinstance(outcome.reply, Resumed)
        return Member(self, outcome.connection_id, member.reply), outcome.reply.received


def _ice_servers(member: str) -> tuple[IceServerEntry, ...]:
    return (IceServerEntry(urls=("turn:a",), username=member),)


def offers(first: int, last: int) -> list[Offer]:
    """Make offers that are told apart."""
    return [Offer(sdp=str(number)) for number in range(first, last + 1)]


def numbers(messages: list[Message]) -> list[int]:
    """Return what tells the offers among these messages apart."""
    return [int(message.sdp) for message in messages if isinstance(message, Offer)]
