"""The gate judges a certificate once, by name, whatever a store or an application does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from peer.errors import PeerTrustError, TrustStoreError
from peer.identity.certificate import Certificate
from peer.identity.shown_certificate import ShownCertificate
from peer.identity.voucher import VoucherPurpose
from peer.trust import (
    Authority,
    Continuity,
    KnownPeer,
    PeerCertificateEvent,
    PeerTrust,
    Trust,
    TrustLevel,
    VerifiedChain,
)
from peer.trust.gate import TrustGate, Unsigned
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.trust.authority import CertificateAuthority

BOB, MALLORY = Certificate.generate(), Certificate.generate()
Handler = Callable[[PeerCertificateEvent], None]


@dataclass
class MemoryStore:
    """A store of one peer in memory; `fault` is raised by each call, or waits for ever."""

    peer: KnownPeer | None = None
    fault: Exception | None = None
    hangs: bool = False
    #: Writes of others that come between a look and a write of ours.
    races: int = 0

    async def lookup(self, name: str) -> KnownPeer | None:
        if self.fault is not None:
            raise self.fault
        if self.hangs:
            await asyncio.Event().wait()
        return self.peer

    async def remember(self, name: str, peer: KnownPeer, *, former: KnownPeer | None) -> bool:
        # Others get their turn here, as with a real store.
        await asyncio.sleep(0)
        if self.races or former != self.peer:
            self.races = max(0, self.races - 1)
            return False
        self.peer = peer
        return True


@dataclass
class Told:
    """The connection: events and verdicts that the gate told of."""

    handler: Handler | None = None
    events: list[PeerCertificateEvent] = field(default_factory=list)
    verdicts: list[PeerTrust] = field(default_factory=list)

    def on_peer_certificate(self, event: PeerCertificateEvent) -> bool:
        self.events.append(event)
        if self.handler is not None:
            self.handler(event)
        return self.handler is not None

    def on_peer_judged(self, trust: PeerTrust, error: PeerTrustError | None) -> None:
        self.verdicts.append(trust)


def gate_of(told: Told, store: MemoryStore | None = None, **asked: Any) -> TrustGate:
    return TrustGate(Trust(known_peers=store, **asked), name="bob", events=told)


def shown_by(certificate: Certificate) -> ShownCertificate:
    return ShownCertificate(certificate.der)


def judged(gate: TrustGate, certificate: Certificate = BOB) -> asyncio.Future[Any]:
    """Have a certificate judged; the future is set at the decision, and fails at a second one."""
    decision: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    gate.judge(shown_by(certificate), decision.set_result)
    return decision


def level_of(gate: TrustGate, certificate: Certificate = BOB) -> TrustLevel:
    return gate.trust_in(certificate.fingerprint()).level


def known(certificate: Certificate, *, confirmed: bool = False) -> KnownPeer:
    return KnownPeer(fingerprint=certificate.fingerprint(), confirmed=confirmed)


@pytest.mark.parametrize("policy", list(Continuity))
async def test_who_shows_the_certificate_that_is_remembered_is_known(policy: Continuity) -> None:
    told = Told()
    gate = gate_of(told, MemoryStore(known(BOB)), continuity=policy)
    assert await judged(gate) is None
    assert level_of(gate) is TrustLevel.KNOWN
    assert not told.events


@pytest.mark.parametrize("policy", list(Continuity))
async def test_a_changed_certificate_is_refused_where_nobody_decides(policy: Continuity) -> None:
    store, told = MemoryStore(known(BOB)), Told()
    gate = gate_of(told, store, continuity=policy)
    assert "another certificate" in str(await judged(gate, MALLORY))
    assert level_of(gate, MALLORY) is TrustLevel.NOTHING
    assert store.peer == known(BOB)
    assert len(told.events) == (policy is not Continuity.STRICT)


async def test_two_transports_with_one_certificate_ask_once() -> None:
    told = Told(handler=lambda event: event.accept())
    gate = gate_of(told, MemoryStore())
    assert list(await asyncio.gather(judged(gate), judged(gate))) == [None, None]
    assert len(told.events) == 1
    assert len(told.verdicts) == 2


async def test_the_first_decision_on_a_certificate_holds() -> None:
    def decide(event: PeerCertificateEvent) -> None:
        event.refuse()
        event.accept()
        event.accept()

    store = MemoryStore()
    gate = gate_of(Told(handler=decide), store)
    assert await judged(gate) is not None
    assert store.peer is None


async def test_a_decision_after_close_changes_nothing() -> None:
    asked = asyncio.Event()
    told, store = Told(handler=lambda event: asked.set()), MemoryStore()
    gate = gate_of(told, store)
    decision = judged(gate)
    await asked.wait()
    await gate.close()
    told.events[0].accept()
    await asyncio.sleep(0)
    assert not decision.done()
    assert store.peer is None
    assert level_of(gate) is TrustLevel.NOTHING


@in_virtual_time
async def test_who_is_not_decided_on_in_time_is_refused_on_each_transport() -> None:
    told = Told(handler=lambda event: None)
    gate = gate_of(told, MemoryStore(), decision_timeout=20)
    refusals = await asyncio.gather(judged(gate), judged(gate))
    assert ["within 20 s" in str(each) for each in refusals] == [True, True]
    told.events[0].accept()
    await asyncio.sleep(1)
    assert level_of(gate) is TrustLevel.NOTHING


@in_virtual_time
async def test_a_store_that_never_answers_refuses_the_peer_in_time() -> None:
    gate = gate_of(Told(), MemoryStore(hangs=True), decision_timeout=20)
    assert "within 20 s" in str(await judged(gate))


@pytest.mark.parametrize(
    "fault", [TrustStoreError("no disk"), OSError("no disk"), KeyError("no disk")], ids=repr
)
@in_virtual_time
async def test_a_store_that_raises_anything_refuses_the_peer_by_name(fault: Exception) -> None:
    gate = gate_of(Told(), MemoryStore(fault=fault))
    async with asyncio.timeout(10):
        refusal = await judged(gate)
    assert isinstance(refusal, PeerTrustError)
    assert "no disk" in str(refusal)
    assert refusal.name == "bob"


async def test_an_application_that_raises_at_a_verified_chain_refuses_the_peer() -> None:
    def look(chain: VerifiedChain) -> bool:
        raise KeyError("no such user")

    root = CertificateAuthority("root")
    trust = Authority(roots=[root.certificate], on_verified=look)
    gate = gate_of(Told(), authority=trust)
    refusal = await judged(gate, root.issue("bob"))
    assert isinstance(refusal, PeerTrustError)
    assert "no such user" in str(refusal)


async def test_a_store_that_changes_meanwhile_is_looked_at_again() -> None:
    store = MemoryStore(races=2)
    assert await judged(gate_of(Told(), store, continuity=Continuity.REMEMBER)) is None
    assert store.peer == known(BOB)
    always = gate_of(Told(), MemoryStore(races=99), continuity=Continuity.REMEMBER)
    assert "changes all the time" in str(await judged(always))


async def test_a_first_contact_below_what_is_required_is_not_remembered() -> None:
    """Else the same peer, whoever it is, would be known at its next try."""
    store = MemoryStore()
    asked: dict[str, Any] = {"continuity": Continuity.REMEMBER, "require": TrustLevel.KNOWN}
    for _ in range(2):
        assert "known is required" in str(await judged(gate_of(Told(), store, **asked), MALLORY))
        assert store.peer is None


@in_virtual_time
async def test_a_first_contact_that_needs_a_phrase_is_remembered_once_it_agrees() -> None:
    store = MemoryStore()
    asked: dict[str, Any] = {
        "continuity": Continuity.REMEMBER,
        "require": TrustLevel.PHRASE,
        "phrase": True,
        "decision_timeout": 20,
    }
    assert await judged(gate_of(Told(), store, **asked), MALLORY) is not None
    assert store.peer is None
    gate = gate_of(Told(), store, **asked)
    decision = judged(gate)
    await asyncio.sleep(1)
    assert store.peer is None
    await gate.confirm_phrase({BOB.fingerprint()})
    assert await decision is None
    assert store.peer == known(BOB, confirmed=True)


async def test_a_phrase_that_agrees_confirms_its_certificate_alone() -> None:
    store = MemoryStore(known(BOB))
    gate = gate_of(Told(), store, phrase=True)
    assert await judged(gate) is None
    await gate.confirm_phrase({MALLORY.fingerprint()})
    assert (level_of(gate), store.peer) == (TrustLevel.KNOWN, known(BOB))
    await gate.confirm_phrase({BOB.fingerprint()})
    assert (level_of(gate), store.peer) == (TrustLevel.PHRASE, known(BOB, confirmed=True))


async def test_a_rekey_with_a_voucher_inherits_and_leaves_the_store_as_it_is() -> None:
    store = MemoryStore(known(BOB, confirmed=True))
    gate = gate_of(Told(), store, continuity=Continuity.STRICT)
    assert await judged(gate) is None
    following = Certificate.generate().vouched_by(BOB, VoucherPurpose.REKEY)
    gate.on_description(following.vouchers, Unsigned.TAKEN)
    assert await judged(gate, following) is None
    assert level_of(gate, following) is TrustLevel.PHRASE
    assert store.peer == known(BOB, confirmed=True)
    # The same voucher says nothing at the beginning of another connection.
    other = gate_of(Told(), store, continuity=Continuity.STRICT)
    other.on_description(following.vouchers, Unsigned.TAKEN)
    assert await judged(other, following) is not None


async def test_a_renewal_with_a_voucher_moves_what_is_remembered() -> None:
    store = MemoryStore(known(BOB, confirmed=True))
    gate = gate_of(Told(), store, continuity=Continuity.STRICT)
    following = Certificate.generate().vouched_by(BOB, VoucherPurpose.RENEWAL)
    gate.on_description(following.vouchers, Unsigned.TAKEN)
    assert await judged(gate, following) is None
    assert store.peer == known(following, confirmed=True)
