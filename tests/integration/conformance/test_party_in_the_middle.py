"""RFC 5763 section 8: one who holds all of signalling, and is a peer to both ends, is noticed.

Fingerprints alone do not show him, as he announces his own. Each of phrase, signatures, authorities
and known peers does, from the start of a call, and where he comes at a rekey only.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

import pytest

from peer.errors import IdentityError, PeerTrustError
from peer.trust import Authority, Continuity, KnownPeer, KnownPeers, Trust, TrustLevel
from tests.support.negotiation.connections import connect, local, within
from tests.support.trust.authority import CertificateAuthority
from tests.support.trust.people import (
    ALICE,
    BOB,
    MALLORY,
    PartyInTheMiddle,
    join_phrases,
    knows,
    outcome,
    person,
    signs,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from peer import PeerConnection

ROOT = CertificateAuthority("root")
ALICES, BOBS = ROOT.issue("alice.example"), ROOT.issue("bob.example")


class Tool(StrEnum):
    """What shows who the peer is."""

    KNOWN = "known-peers"
    PHRASE = "phrase"
    SIGNATURE = "signatures"
    AUTHORITY = "authority"


async def asked(tool: Tool, folder: Path) -> tuple[Trust, Trust]:
    """What Alice and Bob ask of each other; with known peers they have met before."""
    match tool:
        case Tool.KNOWN:
            store = KnownPeers(folder / "known.db")
            for name, shown in (("alice.example", ALICES), ("bob.example", BOBS)):
                known = KnownPeer(fingerprint=shown.fingerprint())
                await store.remember(name, known, former=await store.lookup(name))
            known_peers = Trust(known_peers=store, continuity=Continuity.REMEMBER)
            return known_peers, known_peers
        case Tool.PHRASE:
            return Trust(phrase=True), Trust(phrase=True)
        case Tool.SIGNATURE:
            alices, bobs = (
                Trust(
                    signer=signs(us, to=them),
                    verifier=knows(them, audience=us),
                    require=TrustLevel.SIGNATURE,
                )
                for us, them in ((ALICE, BOB), (BOB, ALICE))
            )
            return alices, bobs
        case Tool.AUTHORITY:
            authority = Authority(roots=[ROOT.certificate])
            trust = Trust(authority=authority, require=TrustLevel.AUTHORITY)
            return trust, trust
        case never:
            assert_never(never)


def in_the_middle(tool: Tool, draw: random.Random) -> PartyInTheMiddle:
    """One who takes part in what he can: in phrases, and with signatures of one kind or another."""
    if tool is not Tool.SIGNATURE:
        return PartyInTheMiddle(Trust(phrase=tool is Tool.PHRASE))
    own = draw.choice([MALLORY, ALICE])
    token = draw.choice(
        [lambda ours, theirs: None, lambda ours, theirs: theirs, lambda ours, theirs: ours]
    )
    signer = signs(own, to=draw.choice([ALICE, BOB]), with_key_of=MALLORY)
    return PartyInTheMiddle(Trust(signer=signer), token)


@asynccontextmanager
async def attacked(
    tool: Tool, seed: int, folder: Path
) -> AsyncIterator[tuple[PeerConnection, PeerConnection, PartyInTheMiddle]]:
    alices, bobs = await asked(tool, folder)
    party = in_the_middle(tool, random.Random(seed))
    try:
        async with (
            person(alices, peer_name="bob.example", certificates=(ALICES,)) as alice,
            person(bobs, peer_name="alice.example", certificates=(BOBS,)) as bob,
        ):
            alice.createDataChannel("chat")
            yield alice, bob, party
    finally:
        await party.close()


async def deceived(alice: PeerConnection, bob: PeerConnection, party: PartyInTheMiddle) -> int:
    """Let him take each end's place for the other; how many descriptions were refused."""
    refused = 0
    theirs = None
    join_phrases(alice, party.left)
    join_phrases(party.right, bob)
    try:
        await bob.setRemoteDescription(await party.take_offer(local(alice)))
    except IdentityError:
        refused += 1
    else:
        await bob.setLocalDescription()
        answer = local(bob)
        theirs = answer.identity
        await party.right.setRemoteDescription(answer)
    try:
        await alice.setRemoteDescription(await party.answer(theirs))
    except IdentityError:
        refused += 1
    return refused


async def is_noticed_from_the_start(tool: Tool, seed: int, folder: Path) -> bool:
    async with attacked(tool, seed, folder) as (alice, bob, party):
        await alice.setLocalDescription()
        refused = await deceived(alice, bob, party)
        if tool is Tool.SIGNATURE:
            return refused == 2
        if tool is Tool.PHRASE:
            alices, bobs = await within(alice.phrase()), await within(bob.phrase())
            return bool(alices != bobs)
        said = [await outcome(end) for end in (alice, bob)]
        return all(said) and all(isinstance(end.error, PeerTrustError) for end in (alice, bob))


async def is_noticed_at_a_rekey(tool: Tool, seed: int, folder: Path) -> bool:
    async with attacked(tool, seed, folder) as (alice, bob, party):
        join_phrases(alice, bob)
        await connect(alice, bob)
        if tool is Tool.PHRASE:
            phrase = await within(alice.phrase())
            assert phrase == await within(bob.phrase())
            await alice.confirm_phrase(phrase)
            await bob.confirm_phrase(phrase)
        before = [trusted(end) for end in (alice, bob)]
        alice.restartIce()
        await alice.setLocalDescription()
        refused = await deceived(alice, bob, party)
        if tool is Tool.SIGNATURE:
            return refused == 2
        if tool is Tool.PHRASE:
            alices, bobs = await within(alice.phrase()), await within(bob.phrase())
            return bool(alices != bobs)
        # Either the connection ends with the reason, or the peer that was known stays.
        await asyncio.sleep(0)
        said = [await outcome(end) for end in (alice, bob)]
        return all(
            isinstance(end.error, PeerTrustError) if why else trusted(end) == known
            for end, why, known in zip((alice, bob), said, before, strict=True)
        )


def trusted(pc: PeerConnection) -> TrustLevel:
    (transport,) = pc.security.transports
    return transport.peer.level


@pytest.mark.conformance("8.1-signed", "8.4-continuity", "8.5-sas", "8.7-third-party")
@pytest.mark.parametrize("tool", list(Tool))
async def test_who_is_in_the_middle_from_the_start_is_noticed(tool: Tool, tmp_path: Path) -> None:
    for seed in range(3):
        assert await is_noticed_from_the_start(tool, seed, tmp_path)


@pytest.mark.conformance("8.1-signed", "8.4-continuity", "8.5-sas", "8.7-third-party")
@pytest.mark.parametrize("tool", list(Tool))
async def test_who_comes_in_between_at_a_rekey_is_noticed(tool: Tool, tmp_path: Path) -> None:
    for seed in range(2):
        assert await is_noticed_at_a_rekey(tool, seed, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("tool", list(Tool))
async def test_of_a_hundred_attacks_a_hundred_are_noticed(tool: Tool, tmp_path: Path) -> None:
    for seed in range(100):
        assert await is_noticed_from_the_start(tool, seed, tmp_path)
        assert await is_noticed_at_a_rekey(tool, seed, tmp_path)
