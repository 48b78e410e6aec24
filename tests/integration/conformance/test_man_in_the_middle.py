"""RFC 5763 sections 5 and 8.1: a man in the middle is noticed and named, and gets nothing through.

Who changes both descriptions *and* shows his certificate to both sides is not noticed by
fingerprints; that is what signed ones are for (section 8.1), and no plan here.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter

import pytest

from peer import AnswerRole, DtlsError, PeerConnection
from peer.identity.fingerprints import HashFunction
from tests.support.captures.captured_call import Call, call
from tests.support.captures.wire import Side
from tests.support.links.middle import Middle, Plan
from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connections import loopback, reached, within

RUNS = 100
#: Side by side, so that waiting for the network costs nothing.
BATCH = 10


class Heard:
    """What an application was given by its peer."""

    def __init__(self, pc: PeerConnection) -> None:
        self.events: list[str] = []
        pc.on("datachannel", lambda _: self.events.append("datachannel"))

    async def everything(self, pc: PeerConnection) -> list[str]:
        media = [x.type for x in (await pc.getStats()).values() if x.type == "inbound-rtp"]
        return self.events + media


async def attacked(seed: int) -> Plan:
    plan = Plan.draw(seed)
    role = AnswerRole.ACTIVE if plan.answerer_is_client else AnswerRole.PASSIVE
    async with call(right=loopback(answer_role=role)) as at:
        heard = {side: Heard(at.end(side)) for side in Side}
        at.offerer.addTrack(ToneTrack(500))
        channel = at.offerer.createDataChannel("of the offerer")
        middle = Middle(at.wire, plan)
        try:
            await at.offer(middle.change_offer)
            at.answerer.addTrack(ToneTrack(900))
            other = at.answerer.createDataChannel("of the answerer")
            truth = at.offerer.localDescription
            answer = await at.make_answer(middle.change_answer)
            assert truth is not None
            assert at.answerer.localDescription is not None
            middle.trust(Side.OFFERER, truth.sdp)
            middle.trust(Side.ANSWERER, at.answerer.localDescription.sdp)
            if plan.answer_is_late and plan.answerer_is_client:
                await shaken(at)
            await at.offerer.setRemoteDescription(answer)

            named = [await names(at.end(side), middle, plan) for side in plan.noticed]
            # The server may be refused before it has seen the certificate that it would refuse.
            assert named.count(False) < len(plan.noticed)
            # What he sends to an end that has yet to see the answer waits there for the comparison,
            # and goes with it: nothing of it is handed up.
            assert middle.passed_on == 0 or plan.answer_is_late
            for side in plan.noticed:
                assert await heard[side].everything(at.end(side)) == []
            assert "open" not in (channel.readyState, other.readyState)
        finally:
            middle.close()
    return plan


async def shaken(at: Call) -> None:
    """Wait until the answerer's handshake has come to its end, one way or the other."""
    done = ("connected", "failed")
    await reached(at.answerer, "connectionstatechange", lambda: at.answerer.connectionState in done)


async def names(pc: PeerConnection, middle: Middle, plan: Plan) -> bool:
    """Wait until an end has failed; whether it names the certificates, or was refused first."""
    await reached(pc, "connectionstatechange", lambda: pc.connectionState == "failed")
    assert pc.remoteDescription is not None
    expected = re.findall(r"a=fingerprint:([^\r]*)", pc.remoteDescription.sdp)[-1]
    assert isinstance(pc.error, DtlsError)
    if "bad_certificate" in str(pc.error):
        return False
    assert f"expected {expected}, shown " in str(pc.error)
    if plan.on_path:
        algorithm = HashFunction(expected.partition(" ")[0])
        assert f"shown {middle.certificate.fingerprint(algorithm)}" in str(pc.error)
    return True


@pytest.mark.conformance("8.1-responder", "5-fp-mismatch", "5-fp-match")
@pytest.mark.parametrize("first", range(0, RUNS, BATCH))
async def test_a_man_in_the_middle_gets_nothing_through(first: int) -> None:
    plans = await within(asyncio.gather(*(attacked(seed) for seed in range(first, first + BATCH))))

    assert len(plans) == BATCH


def test_attack_plans_of_the_man_in_the_middle_differ() -> None:
    """Every way of his, on either description, with and without the handshake."""
    plans = [Plan.draw(seed) for seed in range(RUNS)]

    for part in ("offer", "answer", "on_path", "answer_is_late", "answerer_is_client"):
        counts = Counter(getattr(plan, part) for plan in plans)
        assert min(counts.values()) >= 5
    assert {len(plan.noticed) for plan in plans} == {1, 2}
