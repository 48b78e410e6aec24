"""RFC 5763 section 5 on the wire: a certificate is believed for its fingerprint only."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from peer import AnswerRole, Certificate, DtlsError, PeerConnection
from peer.identity.fingerprints import HashFunction
from tests.support.captures.captured_call import call
from tests.support.captures.dtls_reader import flow
from tests.support.captures.wire import Side
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import expected, loopback, opened, reached, within

LINE = re.compile(r"a=fingerprint:([^\r]*)\r\n")


def with_fingerprints(sdp: str, *fingerprints: object) -> str:
    lines = "".join(f"a=fingerprint:{each}\r\n" for each in fingerprints)
    return LINE.sub(lines, sdp)


@pytest.mark.conformance("5-fp-match")
@pytest.mark.parametrize("hash_function", list(HashFunction))
async def test_a_certificate_matches_by_any_hash_that_is_strong_enough(
    hash_function: HashFunction,
) -> None:
    certificate, other = Certificate.generate(), Certificate.generate()
    shown = certificate.fingerprint(hash_function)
    # RFC 8122 section 5: any one of the values by the strongest hash may be the right one.
    lines = (other.fingerprint(hash_function), shown, f"sha-1 {':'.join(['AB'] * 20)}")
    async with call(right=loopback(certificates=(certificate,))) as at:
        channel = at.offerer.createDataChannel("x")
        await at.offer()
        answer = await at.make_answer(lambda sdp: with_fingerprints(sdp, *lines))
        await at.offerer.setRemoteDescription(answer)
        await opened(channel)


@pytest.mark.conformance("5-fp-match", "5-fp-mismatch")
async def test_a_weaker_hash_that_matches_does_not_help() -> None:
    certificate, other = Certificate.generate(), Certificate.generate()
    lines = (certificate.fingerprint(HashFunction.SHA256), other.fingerprint(HashFunction.SHA512))
    async with call(right=loopback(certificates=(certificate,))) as at:
        at.offerer.createDataChannel("x")
        await at.offer()
        answer = await at.make_answer(lambda sdp: with_fingerprints(sdp, *lines))
        await at.offerer.setRemoteDescription(answer)
        await failed(at.offerer)

        assert str(lines[1]) in str(at.offerer.error)


@pytest.mark.conformance("5-fp-match")
async def test_no_data_or_media_reaches_the_application_before_the_fingerprint_matches() -> None:
    async with call() as at:
        transceiver = at.offerer.addTransceiver("audio")
        channel = at.offerer.createDataChannel("x")
        events: list[str] = []
        at.offerer.on("datachannel", lambda _: events.append("datachannel"))
        await at.offer()
        at.answerer.addTrack(ToneTrack(800))
        at.answerer.createDataChannel("early")
        answer = await at.make_answer()
        await within(at.answerer.connected())
        await at.wire.until(lambda: any(each.is_srtp for each in at.wire.of(Side.ANSWERER)))
        await at.wire.until(lambda: any(each.data[0] == 23 for each in at.wire.of(Side.ANSWERER)))

        assert events == []
        assert channel.readyState == "connecting"
        # Nor does anything protected leave for somebody unknown.
        after = [each for each in at.wire.of(Side.OFFERER) if each.is_srtp or each.data[0] == 23]
        assert after == []

        await at.offerer.setRemoteDescription(answer)
        await opened(channel)
        await hears(transceiver.receiver.track, 800)


@pytest.mark.conformance("5-fp-mismatch")
@pytest.mark.parametrize(
    ("answer_role", "early"),
    [(AnswerRole.ACTIVE, False), (AnswerRole.ACTIVE, True), (AnswerRole.PASSIVE, False)],
)
async def test_a_mismatch_ends_the_session_at_once(answer_role: AnswerRole, early: bool) -> None:
    other = Certificate.generate().fingerprint()
    async with call(right=loopback(answer_role=answer_role)) as at:
        coming = expected(at.answerer, "datachannel")
        at.offerer.addTrack(ToneTrack(800))
        channel = at.offerer.createDataChannel("x")
        await at.offer()
        answer = await at.make_answer()
        true = LINE.findall(answer.sdp)[0]
        answer = replace(answer, sdp=with_fingerprints(answer.sdp, other))
        if early:
            await within(at.answerer.connected())
        await at.offerer.setRemoteDescription(answer)
        await failed(at.offerer)

        assert isinstance(at.offerer.error, DtlsError)
        assert f"expected {other}, shown {true}" in str(at.offerer.error)
        assert [each.state for each in at.offerer.security.transports] == ["failed"]
        assert not at.offerer.security.verified
        # The peer hears that it is over: during the handshake by bad_certificate, later by
        # close_notify.
        over = ("disconnected", "failed")
        await reached(
            at.answerer, "connectionstatechange", lambda: at.answerer.connectionState in over
        )
        assert flow(at.wire.of(Side.OFFERER))[-1] == (Side.OFFERER, "Alert")
        # No key was ever used on what the application sent.
        assert not [each for each in at.wire.of(Side.OFFERER) if each.is_srtp]
        assert channel.readyState != "open"
        assert not coming.done()
        coming.cancel()


async def failed(pc: PeerConnection) -> None:
    await reached(pc, "connectionstatechange", lambda: pc.connectionState == "failed")
    with pytest.raises(DtlsError, match="does not match the fingerprint"):
        await pc.connected()
