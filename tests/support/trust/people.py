"""People who call each other, and one who sits in the middle and holds all of their signalling."""

from __future__ import annotations

import asyncio
import functools
import weakref
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec

from peer import PeerConnection
from peer.trust import PublicKeys, Signer, Verifier
from signaling import Negotiator, channel_pair
from tests.support.negotiation.connections import exchange, local, loopback, within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from peer import SessionDescription
    from peer.events import PhraseMessageEvent
    from peer.trust import Authority, Trust

ALICE, BOB, MALLORY = (f"sip:{name}@example.org" for name in ("alice", "bob", "mallory"))
_KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in (ALICE, BOB, MALLORY)}


def signs(who: str, *, to: str, with_key_of: str | None = None) -> Signer:
    """Sign as one of them, for another one."""
    return Signer(_KEYS[with_key_of or who], origin=who, destination=to)


def knows(*who: str, audience: str) -> Verifier:
    """Check signatures for one of them, by the keys of some."""
    keys = {name: _KEYS[name].public_key() for name in who}
    return Verifier(PublicKeys(keys), audience=audience)


def person(trust: Trust | Authority | None = None, **options: Any) -> PeerConnection:
    """A connection of somebody who asks this of the other end."""
    return PeerConnection(loopback(trust=trust, **options))


def join_phrases(one: PeerConnection, other: PeerConnection) -> None:
    """Carry messages for phrases between two connections, from now on to these alone."""
    _phrases_go_to[one], _phrases_go_to[other] = other, one
    for end in (one, other):
        if end not in _joined:
            _joined.add(end)
            end.on("phrasemessage", functools.partial(_pass_on, weakref.ref(end)))


#: Who gets the messages of whom; entries go with their connections.
_phrases_go_to: weakref.WeakKeyDictionary[PeerConnection, PeerConnection] = (
    weakref.WeakKeyDictionary()
)
_joined: weakref.WeakSet[PeerConnection] = weakref.WeakSet()


def _pass_on(sender: weakref.ref[PeerConnection], event: PhraseMessageEvent) -> None:
    end = sender()
    if end is not None:
        _phrases_go_to[end].add_phrase_message(event.message)


@asynccontextmanager
async def called(alice: PeerConnection, bob: PeerConnection) -> AsyncIterator[None]:
    """Alice offers a data channel, Bob answers; both are closed in the end."""
    join_phrases(alice, bob)
    async with alice, bob:
        alice.createDataChannel("chat")
        await exchange(alice, bob)
        yield


@asynccontextmanager
async def negotiated(alice: PeerConnection, bob: PeerConnection) -> AsyncIterator[None]:
    """Alice offers a data channel, and both negotiate on; both are closed in the end."""
    left, right = channel_pair()
    errors: list[Exception] = []
    negotiators = (
        Negotiator(alice, left, polite=True, on_error=errors.append),
        Negotiator(bob, right, polite=False, on_error=errors.append),
    )
    async with alice, bob:
        alice.createDataChannel("chat")
        running = [asyncio.create_task(each.run()) for each in negotiators]
        try:
            yield
        finally:
            await left.close()
            await within(asyncio.gather(*running))
    assert errors == []


async def outcome(pc: PeerConnection) -> str:
    """Wait until a connection is connected or has failed; why, or nothing."""
    with suppress(Exception):
        await within(pc.connected())
    return "" if pc.error is None else str(pc.error)


class PartyInTheMiddle:
    """One who takes each end's signalling for the other's, and is a peer to both.

    He signs with a key of his own, passes on what the other end has signed, or takes it off.

    Args:
        trust: What he takes part in.
        token: Makes the signature that he puts beside a description of his own, from his own and
            that of the end whose place he takes.
    """

    def __init__(
        self,
        trust: Trust | None = None,
        token: Callable[[str | None, str | None], str | None] = lambda own, theirs: own,
    ) -> None:
        self.left, self.right = person(trust), person(trust)
        self._token = token

    async def take_offer(self, offer: SessionDescription) -> SessionDescription:
        """Take Alice's offer, and make one of his own for Bob."""
        await self.left.setRemoteDescription(offer)
        self.right.createDataChannel("chat")
        await self.right.setLocalDescription()
        ours = local(self.right)
        return replace(ours, identity=self._token(ours.identity, offer.identity))

    async def answer(self, theirs: str | None) -> SessionDescription:
        """Make an answer of his own for Alice, where Bob's had this signature."""
        await self.left.setLocalDescription()
        ours = local(self.left)
        return replace(ours, identity=self._token(ours.identity, theirs))

    async def close(self) -> None:
        """End both connections."""
        await asyncio.gather(self.left.close(), self.right.close())
