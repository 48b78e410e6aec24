"""A peer whose certificate is not the signalled one: it says `failed` too, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from peer import AnswerRole, Certificate
from tests.support.captures.captured_call import Call, call
from tests.support.captures.wire import Side
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.negotiation.connections import forged, loopback

#: Seconds after which consent has expired (RFC 7675 section 5.1), and some.
EXPIRY = 36.0


async def offered(between: Call) -> None:
    between.offerer.createDataChannel("x")
    await between.offer()


def answered(between: Call) -> list[bytes]:
    """What the offerer has said to checks: STUN responses."""
    return [d.data for d in between.wire.of(Side.OFFERER) if d.is_stun and d.data[0] & 1]


@pytest.mark.conformance("5-fp-mismatch")
@pytest.mark.parametrize("role", list(AnswerRole))
def test_a_peer_refused_during_the_handshake_is_told_by_an_alert(role: AnswerRole) -> None:
    @in_virtual_time
    async def run() -> None:
        async with call(None, loopback(answer_role=role)) as between:
            await offered(between)
            # Nothing of the handshake before the answer is there.
            between.wire.fate = lambda d: () if d.is_dtls else (d.data,)
            answer = await between.make_answer()
            between.wire.fate = lambda d: (d.data,)
            stranger = Certificate.generate().fingerprint()
            await between.offerer.setRemoteDescription(forged(answer, stranger))
            await asyncio.sleep(4.0)

            assert between.offerer.connectionState == between.answerer.connectionState == "failed"
            assert "bad_certificate" in str(between.answerer.error)

    run()


@pytest.mark.conformance("5-fp-mismatch", "5-early-hello")
@in_virtual_time
async def test_a_peer_refused_after_the_handshake_loses_consent() -> None:
    async with call() as between:
        await offered(between)
        answer = await between.make_answer()
        await between.answerer.connected()
        stranger = Certificate.generate().fingerprint()
        await between.offerer.setRemoteDescription(forged(answer, stranger))
        before = len(answered(between))
        await asyncio.sleep(1.0)
        closed = between.answerer.connectionState
        await asyncio.sleep(EXPIRY)

        assert closed == "disconnected"
        assert between.offerer.connectionState == between.answerer.connectionState == "failed"
        assert len(answered(between)) == before
