"""RFC 5763 section 8: who is at the other end, by known peers, phrases, signatures, authorities."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from peer import Certificate, PeerConnection
from peer.errors import IdentityError, PeerTrustError, PhraseError
from peer.trust import (
    Authority,
    Continuity,
    KnownPeer,
    KnownPeers,
    PeerCertificateEvent,
    PeerTrust,
    Trust,
    TrustLevel,
    VerifiedChain,
)
from tests.support.negotiation.connections import both_connected, local, reached, within
from tests.support.trust.authority import CertificateAuthority
from tests.support.trust.people import ALICE, BOB, called, knows, negotiated, outcome, person, signs


def peer_of(pc: PeerConnection) -> PeerTrust:
    (transport,) = pc.security.transports
    return transport.peer


@pytest.mark.conformance("8.4-continuity")
async def test_a_peer_is_known_at_the_second_contact_and_refused_with_another_certificate(
    tmp_path: Path,
) -> None:
    store = KnownPeers(tmp_path / "known.db")
    remembers = Trust(known_peers=store, continuity=Continuity.REMEMBER)
    bobs = Certificate.generate()
    for met_before in (False, True):
        alice, bob = person(remembers, peer_name="bob"), person(certificates=(bobs,))
        async with called(alice, bob):
            await both_connected(alice, bob)
            assert peer_of(alice) == PeerTrust(
                name="bob",
                level=TrustLevel.KNOWN if met_before else TrustLevel.NOTHING,
                first_contact=not met_before,
            )
    alice, mallory = person(remembers, peer_name="bob"), person()
    async with called(alice, mallory):
        said = await outcome(alice)
        assert "another certificate than the one that it is known by" in said
        assert isinstance(alice.error, PeerTrustError)
        assert str(bobs.fingerprint()) in said
    assert await store.lookup("bob") == KnownPeer(fingerprint=bobs.fingerprint())


@pytest.mark.conformance("8.4-continuity")
@pytest.mark.parametrize("accepted", [True, False])
async def test_media_waits_until_the_application_has_decided_on_a_changed_certificate(
    tmp_path: Path, accepted: bool
) -> None:
    store = KnownPeers(tmp_path / "known.db")
    before, now = Certificate.generate(), Certificate.generate()
    await store.remember("bob", KnownPeer(fingerprint=before.fingerprint()), former=None)
    alice = person(Trust(known_peers=store), peer_name="bob")
    bob = person(certificates=(now,))
    asked: asyncio.Queue[PeerCertificateEvent] = asyncio.Queue()
    alice.on("peercertificate", asked.put_nowait)
    async with called(alice, bob):
        event = await within(asked.get())
        # Bob takes the handshake for complete by now, and sends into it.
        await within(bob.connected())
        assert (event.name, event.known, event.shown) == (
            "bob",
            before.fingerprint(),
            now.fingerprint(),
        )
        assert alice.connectionState == "connecting"
        assert not alice.security.verified
        if accepted:
            event.accept()
            await both_connected(alice, bob)
            assert peer_of(alice).level is TrustLevel.KNOWN
        else:
            event.refuse()
            assert "another certificate" in await outcome(alice)
    known = await store.lookup("bob")
    assert known == KnownPeer(fingerprint=(now if accepted else before).fingerprint())


@pytest.mark.conformance("8.4-continuity")
async def test_who_is_not_known_is_refused_where_that_is_asked(tmp_path: Path) -> None:
    strict = Trust(known_peers=KnownPeers(tmp_path / "known.db"), continuity=Continuity.STRICT)
    alice, bob = person(strict, peer_name="bob"), person()
    async with called(alice, bob):
        assert "the peer 'bob' is not known" in await outcome(alice)


@pytest.mark.conformance("8.4-continuity")
async def test_a_renewed_certificate_is_followed_and_a_rekey_is_too(tmp_path: Path) -> None:
    store = KnownPeers(tmp_path / "known.db")
    strict = Trust(known_peers=store, continuity=Continuity.STRICT)
    first = Certificate.generate()
    renewed = first.renewed()
    await store.remember("bob", KnownPeer(fingerprint=first.fingerprint()), former=None)
    alice, bob = person(strict, peer_name="bob"), person(certificates=(renewed,))
    async with negotiated(alice, bob):
        await both_connected(alice, bob)
        assert await store.lookup("bob") == KnownPeer(fingerprint=renewed.fingerprint())
        for end in (alice, bob):
            result = await within(end.rekey(Certificate.generate()))
            assert result.changed, result.reason
        assert peer_of(alice).level is TrustLevel.KNOWN
    # The keys of one connection are not what Bob is known by.
    assert await store.lookup("bob") == KnownPeer(fingerprint=renewed.fingerprint())


@pytest.mark.conformance("8.5-sas")
async def test_both_ends_have_the_same_phrase_and_a_new_one_after_a_rekey(tmp_path: Path) -> None:
    store = KnownPeers(tmp_path / "known.db")
    asks = Trust(phrase=True, known_peers=store, continuity=Continuity.REMEMBER)
    bobs = Certificate.generate()
    alice = person(asks, peer_name="bob")
    bob = person(Trust(phrase=True), certificates=(bobs,))
    async with negotiated(alice, bob):
        await both_connected(alice, bob)
        first = await within(alice.phrase())
        assert first == await within(bob.phrase())
        assert len(str(first).split()) == 6
        await alice.confirm_phrase(first)
        assert peer_of(alice).level is TrustLevel.PHRASE
        assert peer_of(bob).level is TrustLevel.NOTHING
        result = await within(alice.rekey())
        assert result.changed, result.reason
        assert await within(alice.phrase()) == await within(bob.phrase()) != first
        with pytest.raises(PhraseError, match="compare the new one"):
            await alice.confirm_phrase(first)
        assert peer_of(alice).level is TrustLevel.PHRASE
    known = await store.lookup("bob")
    assert known == KnownPeer(fingerprint=bobs.fingerprint(), confirmed=True)


@pytest.mark.conformance("8.5-sas")
async def test_media_waits_for_the_phrase_where_that_is_required() -> None:
    alice = person(Trust(phrase=True, require=TrustLevel.PHRASE))
    bob = person(Trust(phrase=True))
    async with called(alice, bob):
        await within(bob.connected())
        phrase = await within(alice.phrase())
        assert phrase == await within(bob.phrase())
        assert alice.connectionState == "connecting"
        await alice.confirm_phrase(phrase)
        await both_connected(alice, bob)
        assert peer_of(alice).level is TrustLevel.PHRASE


async def test_a_phrase_with_a_peer_that_takes_no_part_is_refused_and_media_flows() -> None:
    alice, bob = person(Trust(phrase=True)), person()
    async with called(alice, bob):
        await both_connected(alice, bob)
        with pytest.raises(PhraseError, match="takes no part"):
            await within(alice.phrase())


@pytest.mark.conformance("8.1-signed")
async def test_signed_fingerprints_are_checked_at_both_ends_and_at_a_rekey() -> None:
    signature = TrustLevel.SIGNATURE
    alice = person(
        Trust(signer=signs(ALICE, to=BOB), verifier=knows(BOB, audience=ALICE), require=signature)
    )
    bob = person(
        Trust(signer=signs(BOB, to=ALICE), verifier=knows(ALICE, audience=BOB), require=signature)
    )
    async with negotiated(alice, bob):
        await both_connected(alice, bob)
        assert peer_of(alice) == PeerTrust(name=BOB, level=signature)
        assert peer_of(bob) == PeerTrust(name=ALICE, level=signature)
        for end in (alice, bob):
            result = await within(end.rekey())
            assert result.changed, result.reason
        assert peer_of(alice) == PeerTrust(name=BOB, level=signature)
        assert peer_of(bob) == PeerTrust(name=ALICE, level=signature)


@pytest.mark.conformance("8.1-signed")
async def test_a_description_that_is_not_signed_as_it_has_to_be_changes_nothing() -> None:
    asks = Trust(verifier=knows(ALICE, audience=BOB), require=TrustLevel.SIGNATURE)
    other = person(Trust(signer=signs(ALICE, to=BOB)))
    async with person(Trust(signer=signs(ALICE, to=BOB))) as alice, person(asks) as bob, other:
        for each in (alice, other):
            each.createDataChannel("chat")
            await each.setLocalDescription()
        token = local(other).identity
        assert token is not None
        offer = local(alice)
        for identity, said in (
            (None, "is not signed, and has to be"),
            ("nonsense", "malformed"),
            (token, "does not cover the fingerprints"),
        ):
            description = type(offer)(offer.sdp, offer.type, identity)
            with pytest.raises(IdentityError, match=said):
                await bob.setRemoteDescription(description)
            assert (bob.signalingState, bob.remoteDescription) == ("stable", None)
        await bob.setRemoteDescription(offer)
        # Signalling that broke brings the same offer again.
        await bob.setRemoteDescription(local(alice))


@pytest.mark.conformance("8.7-third-party")
async def test_a_certificate_of_an_authority_is_verified_with_its_chain_and_its_name() -> None:
    root = CertificateAuthority("root")
    bobs = root.intermediate("middle").issue("bob.example")
    seen: list[tuple[int, tuple[str, ...]]] = []

    def taken(chain: VerifiedChain) -> bool:
        seen.append((len(chain.certificates), chain.names))
        return True

    authority = Authority(roots=[root.certificate], on_verified=taken)
    alice = person(authority, peer_name="bob.example")
    bob = person(certificates=(bobs,))
    async with negotiated(alice, bob):
        await both_connected(alice, bob)
        assert peer_of(alice) == PeerTrust(name="bob.example", level=TrustLevel.AUTHORITY)
        # Bob keeps the certificate that was configured.
        result = await within(alice.rekey())
        assert result.changed, result.reason
        assert peer_of(alice).level is TrustLevel.AUTHORITY
    assert seen[0] == (3, ("bob.example",))


@pytest.mark.conformance("8.7-third-party")
@pytest.mark.parametrize("flaw", ["name", "root", "none", "revoked"])
async def test_a_certificate_without_its_authority_or_its_name_is_refused(flaw: str) -> None:
    root = CertificateAuthority("root")
    good = root.issue("eve.example" if flaw == "name" else "bob.example")
    certificate = {
        "name": good,
        "root": CertificateAuthority("root").issue("bob.example"),
        "none": Certificate.generate(),
        "revoked": good,
    }[flaw]
    revoked = [root.revoke(good)] if flaw == "revoked" else []
    alice = person(Authority(roots=[root.certificate], revoked=revoked), peer_name="bob.example")
    bob = person(certificates=(certificate,))
    async with called(alice, bob):
        said = await outcome(alice)
        assert isinstance(alice.error, PeerTrustError)
        expected = {"name": "not for 'bob.example'", "revoked": "revoked"}
        assert expected.get(flaw, "no authority vouches") in said
        await reached(bob, "connectionstatechange", lambda: bob.connectionState != "connected")
