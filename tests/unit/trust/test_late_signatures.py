"""A certificate whose description could not be signed waits for a later one that is (RFC 8862)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from peer.errors import IdentityError, IdentityFault, PeerTrustError
from peer.identity.certificate import Certificate
from peer.identity.shown_certificate import ShownCertificate
from peer.trust import PublicKeys, Signer, Trust, TrustLevel, Verifier
from peer.trust.gate import TrustGate, Unsigned
from tests.support.clock.virtual_time import in_virtual_time

if TYPE_CHECKING:
    from peer.trust import PeerCertificateEvent, PeerTrust

ALICE, BOB, TEAM = (f"sip:{name}@example.org" for name in ("alice", "bob", "team"))
KEY, MALLORYS_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
BOBS, NEXT, MALLORYS = (Certificate.generate() for _ in range(3))
LATER = ""


@dataclass
class Told:
    """The connection: verdicts that the gate told of."""

    verdicts: list[PeerTrust] = field(default_factory=list)

    def on_peer_certificate(self, event: PeerCertificateEvent) -> bool:
        return False

    def on_peer_judged(self, trust: PeerTrust, error: PeerTrustError | None) -> None:
        self.verdicts.append(trust)


def gate(told: Told | None = None, **asked: Any) -> TrustGate:
    """The gate of Alice, who has called Bob."""
    remote = asked.pop("remote", BOB)
    verifier = Verifier(PublicKeys({BOB: KEY.public_key()}), **asked.pop("verifier", {}))
    wanted = {"require": TrustLevel.SIGNATURE, **asked}
    made = TrustGate(Trust(verifier=verifier, **wanted), name=None, events=told or Told())
    made.name_ends(local=ALICE, remote=remote)
    return made


async def describe(gate: TrustGate, *certificates: Certificate, token: str | None) -> None:
    """Take a description of the other end with these certificates."""
    fingerprints = frozenset(each.fingerprint() for each in certificates)
    gate.on_description((), await gate.check_description(token, fingerprints))


def signed(*certificates: Certificate, key: ec.EllipticCurvePrivateKey = KEY) -> str:
    signer = Signer(key, origin=BOB, destination=ALICE)
    return signer.sign(each.fingerprint() for each in certificates)


def judged(gate: TrustGate, certificate: Certificate) -> asyncio.Future[PeerTrustError | None]:
    decision: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    gate.judge(ShownCertificate(certificate.der), decision.set_result)
    return decision


async def several_turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_certificate_waits_for_the_signature_and_then_passes() -> None:
    alices = gate()
    await describe(alices, BOBS, token=LATER)
    decision = judged(alices, BOBS)
    await several_turns()
    assert not decision.done()
    await describe(alices, BOBS, token=signed(BOBS))
    assert await decision is None
    trust = alices.trust_in(BOBS.fingerprint())
    assert (trust.name, trust.level) == (BOB, TrustLevel.SIGNATURE)


async def test_a_signature_for_another_certificate_lets_nothing_pass() -> None:
    """One in the middle has a handshake of his own, and passes on what the other end has signed."""
    alices = gate()
    await describe(alices, MALLORYS, token=LATER)
    decision = judged(alices, MALLORYS)
    with pytest.raises(IdentityError, match="does not cover"):
        await describe(alices, MALLORYS, token=signed(BOBS))
    refusal = await decision
    assert refusal is not None
    assert "does not cover the fingerprints" in str(refusal)


async def test_a_wrong_signature_is_refused_also_before_the_handshake_is_complete() -> None:
    alices = gate()
    await describe(alices, MALLORYS, token=LATER)
    with pytest.raises(IdentityError, match="does not hold"):
        await describe(alices, MALLORYS, token=signed(MALLORYS, key=MALLORYS_KEY))
    assert await judged(alices, MALLORYS) is not None


@in_virtual_time
async def test_who_never_signs_is_refused_after_a_while() -> None:
    alices = gate(decision_timeout=40.0)
    await describe(alices, BOBS, token=LATER)
    refusal = await judged(alices, BOBS)
    assert "has not signed its answer within 40 s" in str(refusal)


async def test_a_signature_that_comes_later_raises_the_level_of_a_peer_that_passed() -> None:
    told = Told()
    alices = gate(told, require=TrustLevel.NOTHING)
    await describe(alices, BOBS, token=LATER)
    assert await judged(alices, BOBS) is None
    assert alices.trust_in(BOBS.fingerprint()).level is TrustLevel.NOTHING
    await describe(alices, BOBS, token=signed(BOBS))
    assert alices.trust_in(BOBS.fingerprint()).level is TrustLevel.SIGNATURE
    assert [each.level for each in told.verdicts] == [TrustLevel.NOTHING, TrustLevel.SIGNATURE]


@pytest.mark.parametrize("require", [TrustLevel.NOTHING, TrustLevel.SIGNATURE])
async def test_new_keys_in_an_answer_wait_once_a_description_was_signed(
    require: TrustLevel,
) -> None:
    """Whoever comes in at a rekey must not do better than at the start."""
    alices = gate(require=require)
    await describe(alices, BOBS, token=signed(BOBS))
    assert await judged(alices, BOBS) is None
    await describe(alices, BOBS, token=LATER)
    assert await judged(alices, BOBS) is None
    await describe(alices, NEXT, token=LATER)
    decision = judged(alices, NEXT)
    await several_turns()
    assert not decision.done()
    await describe(alices, NEXT, token=signed(NEXT))
    assert await decision is None


async def test_new_keys_are_refused_where_the_signature_is_for_others() -> None:
    """One in the middle at a rekey passes on what the other end has signed for itself."""
    alices = gate(require=TrustLevel.NOTHING)
    await describe(alices, BOBS, token=signed(BOBS))
    await describe(alices, MALLORYS, token=LATER)
    decision = judged(alices, MALLORYS)
    await several_turns()
    await describe(alices, NEXT, token=signed(NEXT))
    assert "signed for another certificate" in str(await decision)


async def test_a_request_without_a_signature_has_a_place_for_one_and_is_refused() -> None:
    with pytest.raises(IdentityError) as missing:
        await describe(gate(), BOBS, token=None)
    assert missing.value.fault is IdentityFault.MISSING
    taken = await gate(require=TrustLevel.NOTHING).check_description(
        None, frozenset({BOBS.fingerprint()})
    )
    assert taken is Unsigned.TAKEN


async def test_who_answers_for_another_is_the_one_to_sign_for() -> None:
    alices = gate(remote=TEAM, verifier={"answers_for": lambda who, called: called == TEAM})
    await describe(alices, BOBS, token=LATER)
    assert alices.origin is None
    await describe(alices, BOBS, token=signed(BOBS))
    assert alices.origin == BOB
