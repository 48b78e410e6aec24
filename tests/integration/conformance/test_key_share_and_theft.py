"""Whose call it is, and what a stolen key is good for: rows of the table in docs/TRUST.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer.errors import IdentityError, PeerTrustError
from peer.trust import Authority, Continuity, KnownPeer, KnownPeers, Trust, TrustLevel
from tests.support.negotiation.connections import both_connected, local, within
from tests.support.trust.authority import CertificateAuthority
from tests.support.trust.people import (
    ALICE,
    BOB,
    MALLORY,
    called,
    knows,
    outcome,
    person,
    signs,
)

if TYPE_CHECKING:
    from pathlib import Path

    from peer import Certificate, PeerConnection

ROOT = CertificateAuthority("root")
BOBS, MALLORYS = ROOT.issue("bob.example"), ROOT.issue("mallory.example")


async def remembering(folder: Path, **known: Certificate) -> Trust:
    """Know some by their certificates, and refuse others."""
    store = KnownPeers(folder / "known.db")
    for name, certificate in known.items():
        await store.remember(name, KnownPeer(fingerprint=certificate.fingerprint()), former=None)
    return Trust(known_peers=store, continuity=Continuity.STRICT)


def level(connection: PeerConnection) -> TrustLevel:
    (transport,) = connection.security.transports
    return transport.peer.level


@pytest.mark.conformance("8.4-continuity")
async def test_bob_who_is_passed_off_as_another_shows_another_certificate(tmp_path: Path) -> None:
    """Unknown key share (RFC 8844): Alice has called Mallory, who lets Bob answer as himself."""
    trust = await remembering(tmp_path, mallory=MALLORYS)
    alice = person(trust, peer_name="mallory")
    async with called(alice, person(certificates=(BOBS,))):
        assert "another certificate" in await outcome(alice)


@pytest.mark.conformance("8.7-third-party")
async def test_bob_who_is_passed_off_as_another_has_another_name() -> None:
    authority = Authority(roots=[ROOT.certificate])
    alice = person(authority, peer_name="mallory.example")
    async with called(alice, person(certificates=(BOBS,))):
        await outcome(alice)
        assert isinstance(alice.error, PeerTrustError)


@pytest.mark.conformance("8.1-signed")
async def test_bob_who_is_passed_off_as_another_has_signed_for_another_call() -> None:
    """Each end has signed for the call that it believes to be in: neither fits the other's."""
    alice = person(
        Trust(
            signer=signs(ALICE, to=MALLORY),
            verifier=knows(BOB, MALLORY, audience=ALICE),
            require=TrustLevel.SIGNATURE,
        )
    )
    bob = person(
        Trust(
            signer=signs(BOB, to=MALLORY),
            verifier=knows(ALICE, MALLORY, audience=BOB),
            require=TrustLevel.SIGNATURE,
        )
    )
    async with alice, bob:
        for one, other in ((alice, bob), (bob, alice)):
            one.createDataChannel("chat")
            await one.setLocalDescription()
            with pytest.raises(IdentityError, match="is for sip:mallory"):
                await other.setRemoteDescription(local(one))


@pytest.mark.conformance("8.5-sas")
async def test_phrase_agrees_with_whoever_has_answered_and_people_hear_who_that_is() -> None:
    alice, bob = (person(Trust(phrase=True)) for _ in range(2))
    async with called(alice, bob):
        assert await within(alice.phrase()) == await within(bob.phrase())


@pytest.mark.conformance("8.1-signed", "8.4-continuity")
async def test_stolen_certificate_passes_for_the_known_peer_and_signs_nothing(
    tmp_path: Path,
) -> None:
    thief = person(certificates=(BOBS,))
    alice = person(await remembering(tmp_path, bob=BOBS), peer_name="bob")
    async with called(alice, thief):
        await both_connected(alice)
        assert level(alice) is TrustLevel.KNOWN
    asks = Trust(verifier=knows(BOB, audience=ALICE), require=TrustLevel.SIGNATURE)
    forged = Trust(signer=signs(BOB, to=ALICE, with_key_of=MALLORY))
    for trust in (None, forged):
        async with person(asks) as alice, person(trust, certificates=(BOBS,)) as thief:
            thief.createDataChannel("chat")
            await thief.setLocalDescription()
            with pytest.raises(IdentityError):
                await alice.setRemoteDescription(local(thief))


@pytest.mark.conformance("8.1-signed", "8.4-continuity")
async def test_stolen_signing_key_passes_for_the_signer_and_not_for_the_known_peer(
    tmp_path: Path,
) -> None:
    has_it = Trust(signer=signs(BOB, to=ALICE), verifier=knows(ALICE, audience=BOB))
    asks = Trust(signer=signs(ALICE, to=BOB), verifier=knows(BOB, audience=ALICE))
    alice = person(asks)
    async with called(alice, person(has_it)):
        await both_connected(alice)
        assert level(alice) is TrustLevel.SIGNATURE
    store = (await remembering(tmp_path, bob=BOBS)).known_peers
    both = Trust(
        signer=asks.signer,
        verifier=asks.verifier,
        known_peers=store,
        continuity=Continuity.STRICT,
    )
    alice = person(both, peer_name="bob")
    async with called(alice, person(has_it)):
        assert "another certificate" in await outcome(alice)
