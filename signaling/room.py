"""A room as one member sees it: the other members, and one channel to each of them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Self, assert_never

import msgspec

from signaling.channel import Channel
from signaling.errors import ChannelClosed, ChannelLost
from signaling.ice_servers import usable
from signaling.link import Event, Link, Token
from signaling.mailbox import Mailbox
from signaling.messages import (
    MAX_REASON,
    Answer,
    Bye,
    Candidate,
    Error,
    Offer,
    Peer,
    PeerJoined,
    PeerLeft,
    PeerMessage,
    ProvisionalAnswer,
    Relayed,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from types import TracebackType

    from websockets.asyncio.client import ClientConnection

    from peer.configuration import IceServer
    from signaling.backoff import Reconnect

_logger = logging.getLogger(__name__)

#: Most messages of one peer that wait to be received (ours).
_INBOX: Final = 256


class PeerChannel(Channel):
    """The channel to one other member of a room.

    Attributes:
        peer: The other member.
        polite: Whether this end gives way on glare (see `Negotiator`). The member that joined
            later does, so that exactly one of the two is polite.
    """

    def __init__(
        self, peer: Peer, *, polite: bool, send: Callable[[Relayed], Awaitable[None]]
    ) -> None:
        self.peer = peer
        self.polite = polite
        self._send = send
        self._inbox: Mailbox[PeerMessage] = Mailbox(_INBOX)
        self._ended: ChannelClosed | None = None
        self._owes_bye = False

    def __repr__(self) -> str:
        state = "open" if self._ended is None else "closed"
        return f"<PeerChannel {self.peer.member!r} {state} polite={self.polite}>"

    async def send(self, message: PeerMessage) -> None:
        if self._ended is not None:
            raise type(self._ended)(self._ended.reason)
        await self._send(msgspec.structs.replace(message, to=self.peer.member))

    async def receive(self) -> PeerMessage:
        return await self._inbox.get()

    async def close(self, reason: str = "") -> None:
        if self._ended is None:
            self.end(ChannelClosed(reason or "this end closed the channel"), discard=True)
            self._owes_bye = True
        if not self._owes_bye:
            return
        self._owes_bye = False
        try:
            await self._send(Bye(reason=reason[:MAX_REASON], to=self.peer.member))
        except ChannelClosed:
            # We have left the room, which says the same to everybody.
            return
        except asyncio.CancelledError:
            self._owes_bye = True
            raise

    def deliver(self, message: PeerMessage) -> None:
        """Deliver a message that the peer sent."""
        if self._ended is None and not self._inbox.offer(message):
            self.end(ChannelLost(f"{_INBOX} messages were waiting and this end received none"))

    def end(self, end: ChannelClosed, *, discard: bool = False) -> None:
        """End the channel at this end only; messages that have arrived can still be received."""
        if self._ended is None:
            self._ended = end
            self._inbox.close(end, discard=discard)


class Room:
    """A room that we are in; made by `signaling.join`.

    Attributes:
        member: The name by which the other members address us.
    """

    def __init__(
        self, dial: Callable[[], Awaitable[ClientConnection]], reconnect: Reconnect | None
    ) -> None:
        self.member = ""
        self._link = Link(
            dial, reconnect=reconnect, on_message=self._on_message, on_end=self._on_end
        )
        self._channels: dict[str, PeerChannel] = {}
        self._new: dict[str, PeerChannel] = {}
        self._changed = asyncio.Event()
        self._ended: ChannelClosed | None = None

    def __repr__(self) -> str:
        return f"<Room member={self.member!r} peers={len(self._channels)} {self._link!r}>"

    async def open(self, *, room: str, name: str, token: Token = None) -> None:
        """Join a room of the server; arguments and errors are those of `signaling.join`."""
        joined = await self._link.open(room=room, name=name, token=token)
        self.member = joined.member
        for peer in joined.peers:
            self._add(peer, polite=True)

    @property
    def peers(self) -> tuple[Peer, ...]:
        """The other members who are present."""
        return tuple(channel.peer for channel in self._channels.values())

    @property
    def ice_servers(self) -> tuple[IceServer, ...]:
        """STUN and TURN servers that the room server names, for `PeerConfiguration.iceServers`.

        Credentials may run out: ask anew for each connection.
        """
        return usable(self._link.ice_servers)

    async def channels(self) -> AsyncIterator[PeerChannel]:
        """Yield a channel to each other member: those present, then each one that joins.

        Each channel is given once. Ends when we leave the room.

        Raises:
            ChannelLost: The connection to the server broke and could not be restored.
        """
        while True:
            while self._new:
                yield self._new.pop(next(iter(self._new)))
            if isinstance(self._ended, ChannelLost):
                raise ChannelLost(self._ended.reason)
            if self._ended is not None:
                return
            self._changed.clear()
            await self._changed.wait()

    async def next_channel(self) -> PeerChannel:
        """Wait for the next channel of `channels()`.

        Raises:
            ChannelClosed: We have left the room.
        """
        async for channel in self.channels():
            return channel
        raise ChannelClosed("this end left the room")

    async def close(self) -> None:
        """Leave the room, which closes its channels at both ends."""
        await self._link.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _on_message(self, message: Event) -> None:
        match message:
            case PeerJoined():
                self._add(Peer(member=message.member, name=message.name), polite=False)
            case PeerLeft():
                self._remove(message)
            case Bye():
                channel = self._channel(message)
                if channel is not None:
                    channel.end(ChannelClosed(message.reason or "the peer closed the channel"))
            case Offer() | ProvisionalAnswer() | Answer() | Candidate() | Error():
                channel = self._channel(message)
                if channel is not None:
                    channel.deliver(msgspec.structs.replace(message, to=None, sender=None))
            case _:
                assert_never(message)

    def _channel(self, message: Relayed) -> PeerChannel | None:
        channel = self._channels.get(message.sender or "")
        if channel is None:
            _logger.warning("the signalling server passed on a message of nobody known")
        return channel

    def _add(self, peer: Peer, *, polite: bool) -> None:
        channel = PeerChannel(peer, polite=polite, send=self._link.send)
        self._channels[peer.member] = self._new[peer.member] = channel
        self._changed.set()

    def _remove(self, message: PeerLeft) -> None:
        # A channel that nobody has asked for goes with its peer: else they would pile up.
        self._new.pop(message.member, None)
        channel = self._channels.pop(message.member, None)
        if channel is not None:
            channel.end(ChannelClosed(f"the peer left the room: {message.reason}"))

    def _on_end(self, end: ChannelClosed) -> None:
        self._ended = end
        for channel in self._channels.values():
            channel.end(end)
        self._channels.clear()
        self._new.clear()
        self._changed.set()
