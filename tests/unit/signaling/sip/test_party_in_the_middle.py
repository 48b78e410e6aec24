"""One who rewrites the fingerprints in SIP (RFC 5763 section 8.1) is noticed 100 times of 100.

No sockets: both ends are what judges of certificates and signatures are, time is virtual, and each
request passes writer and parser. He shows each end a certificate of his own in a handshake.
"""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from sipmessage import Request

from peer.errors import IdentityError, PeerTrustError
from peer.identity.certificate import Certificate
from peer.identity.fingerprints import Fingerprint
from peer.identity.shown_certificate import ShownCertificate
from peer.trust import PublicKeys, Signer, Trust, TrustLevel, Verifier
from peer.trust.gate import TrustGate
from signaling.sip.identity import fingerprint_lines, identity_of, sign
from signaling.sip.parsing import parse_message, write_message
from signaling.sip.session_events import OfferReceived
from signaling.sip.transactions.outputs import SendMessage
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.sip.agent_end import AgentEnd
from tests.support.sip.signed import ANN, BOB, KEYS, MALLORY, changed, with_fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.trust import PeerCertificateEvent, PeerTrust

HIS = Certificate.generate()
CERTIFICATES = {name: [Certificate.generate() for _ in range(2)] for name in (ANN, BOB)}
#: What Ann has signed for others and before: he may have it from a call of hers with him.
OLD = {
    who: [
        Signer(KEYS[who], origin=who).sign([HIS.fingerprint()], destination=MALLORY),
        Signer(KEYS[who], origin=who, clock=lambda: 1.0).sign(
            [HIS.fingerprint()], destination=ANN if who == BOB else BOB
        ),
    ]
    for who in (ANN, BOB)
}


@dataclass
class Verdicts:
    """What a gate tells of the peer."""

    trusts: list[PeerTrust] = field(default_factory=list)

    def on_peer_certificate(self, event: PeerCertificateEvent) -> bool:
        return False

    def on_peer_judged(self, trust: PeerTrust, error: PeerTrustError | None) -> None:
        self.trusts.append(trust)


class End:
    """One end of a call: it signs what it describes, and judges what it is told."""

    def __init__(self, us: str, them: str) -> None:
        self.us, self.them = us, them
        keys = PublicKeys({name: KEYS[name].public_key() for name in (ANN, BOB, MALLORY)})
        self.trust = Trust(verifier=Verifier(keys), require=TrustLevel.SIGNATURE)
        self.gate = TrustGate(self.trust, name=None, events=Verdicts())
        self.gate.name_ends(local=us, remote=them)
        self._signer = Signer(KEYS[us], origin=us)

    def request(self, certificate: Certificate) -> Request:
        """Describe a certificate in a request, signed."""
        end = AgentEnd(self.us.removeprefix("sip:").partition("@")[0])
        token = self._signer.sign([certificate.fingerprint()], destination=self.them)
        sdp = f"v=0\r\na=fingerprint:{certificate.fingerprint()}\r\n"
        end.agent.invite(end.uri.parse(self.them), sdp=sdp, identity=token)
        (sent,) = (each for each in end.agent.take() if isinstance(each, SendMessage))
        assert isinstance(sent.message, Request)
        return sent.message

    async def take_request(self, request: Request) -> None:
        received = parse_message(write_message(request))
        assert isinstance(received, Request)
        offer = OfferReceived(received.body.decode(), received)
        fingerprints = frozenset(map(Fingerprint.parse, fingerprint_lines(offer.sdp)))
        self.gate.on_description(
            (), await self.gate.check_description(identity_of(offer), fingerprints)
        )

    async def take_answer(self, certificate: Certificate) -> None:
        """Take a description from a response, which nobody can have signed."""
        fingerprints = frozenset({certificate.fingerprint()})
        self.gate.on_description((), await self.gate.check_description("", fingerprints))

    def judged(self, certificate: Certificate) -> asyncio.Future[PeerTrustError | None]:
        """Judge a certificate that a handshake has shown."""
        decision: asyncio.Future[PeerTrustError | None] = asyncio.Future()
        self.gate.judge(ShownCertificate(certificate.der), decision.set_result)
        return decision


def _his(request: Request, sdp: str | None = None, **headers: str | None) -> Request:
    body = request.body.decode()
    made = changed(request, sdp or with_fingerprint(body, str(HIS.fingerprint())), **headers)
    assert isinstance(made, Request)
    return made


def keep(request: Request, us: str, them: str) -> Request:
    return _his(request)


def strip(request: Request, us: str, them: str) -> Request:
    return _his(request, Identity=None, Date=None)


def sign_with_his_key(request: Request, us: str, them: str) -> Request:
    made = _his(request)
    sign(made, Signer(KEYS[MALLORY], origin=us).sign([HIS.fingerprint()], destination=them))
    return made


def sign_as_himself(request: Request, us: str, them: str) -> Request:
    made = _his(request)
    sign(made, Signer(KEYS[MALLORY], origin=MALLORY).sign([HIS.fingerprint()], destination=them))
    return made


def replay_one_for_him(request: Request, us: str, them: str) -> Request:
    made = _his(request)
    sign(made, OLD[us][0])
    return made


def replay_an_old_one(request: Request, us: str, them: str) -> Request:
    made = _his(request)
    sign(made, OLD[us][1])
    return made


def have_it_passed_over(request: Request, us: str, them: str) -> Request:
    return _his(request, Identity=f"{request.headers['Identity']};ppt=shaken")


def make_it_compact(request: Request, us: str, them: str) -> Request:
    signature = re.sub(r"^[^;]*\.", "..", request.headers["Identity"])
    return _his(request, Identity=signature)


def add_a_fingerprint(request: Request, us: str, them: str) -> Request:
    return _his(request, f"{request.body.decode()}a=fingerprint:{HIS.fingerprint()}\r\n")


def break_it(request: Request, us: str, them: str) -> Request:
    return _his(request, Identity="a" + request.headers["Identity"])


ATTACKS: list[Callable[[Request, str, str], Request]] = [
    keep,
    strip,
    sign_with_his_key,
    sign_as_himself,
    replay_one_for_him,
    replay_an_old_one,
    have_it_passed_over,
    make_it_compact,
    add_a_fingerprint,
    break_it,
]


async def is_noticed_by_the_called_end(draw: random.Random, bob: End, ann: End) -> bool:
    """He rewrites the caller's offer, in the first INVITE or in a later one."""
    attack = draw.choice(ATTACKS)
    request = attack(ann.request(draw.choice(CERTIFICATES[ANN])), ANN, BOB)
    try:
        await bob.take_request(request)
    except IdentityError:
        return True
    return False


async def is_noticed_by_the_caller(draw: random.Random, ann: End, bob: End) -> bool:
    """He rewrites the answer, and what the called end signs after it: or drops it, or keeps it."""
    certificate = draw.choice(CERTIFICATES[BOB])
    await ann.take_answer(HIS)
    decision = ann.judged(HIS)
    if draw.random() < 0.5:
        # He has had his handshake before anything is signed, or after it.
        await asyncio.sleep(0)
    signed, what = bob.request(certificate), draw.choice(["rewritten", "dropped", "passed on"])
    if what == "rewritten":
        with pytest.raises(IdentityError):
            await ann.take_request(draw.choice(ATTACKS)(signed, BOB, ANN))
    elif what == "passed on":
        await ann.take_request(signed)
    return await decision is not None


async def is_noticed(seed: int) -> bool:
    draw = random.Random(seed)
    ann, bob = End(ANN, BOB), End(BOB, ANN)
    if draw.random() < 0.5:
        # A call that stands: he comes at a rekey.
        for one, other in ((ann, bob), (bob, ann)):
            await other.take_request(one.request(CERTIFICATES[one.us][0]))
            assert await other.judged(CERTIFICATES[one.us][0]) is None
    return await is_noticed_by_the_called_end(draw, bob, ann) and await is_noticed_by_the_caller(
        draw, ann, bob
    )


@pytest.mark.conformance("8.1-signed", "8.1-responder")
@in_virtual_time
async def test_of_a_hundred_who_rewrite_fingerprints_in_sip_a_hundred_are_noticed() -> None:
    assert [await is_noticed(seed) for seed in range(100)] == [True] * 100


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.__name__)
async def test_each_way_to_rewrite_a_signed_offer_is_refused(
    attack: Callable[[Request, str, str], Request],
) -> None:
    signed = End(ANN, BOB).request(CERTIFICATES[ANN][0])
    with pytest.raises(IdentityError):
        await End(BOB, ANN).take_request(attack(signed, ANN, BOB))


async def test_call_that_nobody_rewrites_is_taken() -> None:
    ann, bob = End(ANN, BOB), End(BOB, ANN)
    (hers, _), (his, _) = CERTIFICATES[ANN], CERTIFICATES[BOB]
    await bob.take_request(ann.request(hers))
    assert await bob.judged(hers) is None
    await ann.take_answer(his)
    decision = ann.judged(his)
    await ann.take_request(bob.request(his))
    assert await decision is None
