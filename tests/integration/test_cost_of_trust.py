"""What trust costs on the way: no message for pins and signatures, and no wait for a phrase."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from peer.trust import Continuity, KnownPeers, Trust
from signaling import Channel, Negotiator, channel_pair
from signaling.messages import Candidate, PhraseMessage
from tests.support.negotiation.connections import within
from tests.support.trust.people import ALICE, BOB, knows, person, signs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from peer import DataChannel, PeerConnection
    from signaling.messages import PeerMessage


class _Watched(Channel):
    """A channel that notes what is sent, and carries no numbers of a phrase."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.sent: list[str] = []

    async def send(self, message: PeerMessage) -> None:
        if not isinstance(message, Candidate):
            self.sent.append(type(message).__name__)
        if not isinstance(message, PhraseMessage):
            await self._channel.send(message)

    async def receive(self) -> PeerMessage:
        return await self._channel.receive()

    async def close(self, reason: str = "") -> None:
        await self._channel.close(reason)


@asynccontextmanager
async def _connected(
    alice: PeerConnection, bob: PeerConnection
) -> AsyncIterator[tuple[DataChannel, list[str], list[str]]]:
    """Both in a call; the channel of Alice's, and what each end has sent."""
    left, right = (_Watched(end) for end in channel_pair())
    channel = alice.createDataChannel("chat")
    async with alice, bob, asyncio.TaskGroup() as tasks:
        tasks.create_task(Negotiator(alice, left, polite=False).run())
        tasks.create_task(Negotiator(bob, right, polite=True).run())
        await within(asyncio.gather(alice.connected(), bob.connected()))
        yield channel, left.sent, right.sent
        await asyncio.gather(alice.close(), bob.close())


async def _messages(alice: PeerConnection, bob: PeerConnection) -> tuple[list[str], list[str]]:
    async with _connected(alice, bob) as (_, ours, theirs):
        return ours, theirs


async def test_pins_and_signatures_add_no_message_to_a_set_up(tmp_path: Path) -> None:
    def trusting(us: str, them: str) -> Trust:
        return Trust(
            known_peers=KnownPeers(tmp_path / f"{us[4:6]}.db"),
            continuity=Continuity.REMEMBER,
            signer=signs(us, to=them),
            verifier=knows(them, audience=us),
        )

    plain = await _messages(person(), person())
    trusted = await _messages(
        person(trusting(ALICE, BOB), peer_name=BOB), person(trusting(BOB, ALICE), peer_name=ALICE)
    )
    assert plain == trusted == (["Offer"], ["Answer"])


async def test_media_passes_though_the_numbers_of_a_phrase_never_come() -> None:
    compares = Trust(phrase=True)
    alice, bob = person(compares), person(compares)
    heard: asyncio.Queue[str | bytes] = asyncio.Queue()
    bob.on("datachannel", lambda event: event.channel.on("message", heard.put_nowait))
    async with _connected(alice, bob) as (channel, ours, _):
        channel.on("open", lambda: channel.send("hello"))
        if channel.readyState == "open":
            channel.send("hello")
        assert await within(heard.get()) == "hello"
        assert ours == ["Offer", "PhraseMessage"]
        waiting = asyncio.create_task(alice.phrase())
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
