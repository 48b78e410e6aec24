"""RFC 5763 section 5 in descriptions: what ours say, and which of a peer's are refused."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from peer import AnswerRole, BundlePolicy, FingerprintError, PeerConnection, SetupError
from tests.support.negotiation.connection_state import unchanged
from tests.support.negotiation.connections import connect, local, loopback, offer, opened, pair

SETUP = re.compile(r"a=setup:\w+")


def wish(pc: PeerConnection) -> None:
    pc.addTransceiver("audio")
    pc.addTransceiver("video")
    pc.createDataChannel("x")


def sections(sdp: str) -> list[str]:
    return re.split(r"(?m)^(?=m=)", sdp)[1:]


@pytest.mark.conformance("5-offer", "5-fingerprint", "5-no-connection")
@pytest.mark.parametrize("policy", list(BundlePolicy))
async def test_every_m_section_of_every_offer_has_its_attributes(policy: BundlePolicy) -> None:
    async with pair(loopback(bundlePolicy=policy)) as (left, right):
        wish(left)
        await connect(left, right)
        first = left.currentLocalDescription
        assert first is not None
        # Whoever offers the second time, actpass it is.
        again = [(await end.createOffer()).sdp for end in (left, right)]

        for sdp in (first.sdp, *again):
            for section in sections(sdp):
                assert SETUP.findall(section) == ["a=setup:actpass"]
                assert len(re.findall(r"a=fingerprint:sha-256 ", section)) == 1
        assert "a=connection" not in "".join((first.sdp, *again))


@pytest.mark.conformance("5-answer", "5-fingerprint", "5-no-connection")
@pytest.mark.parametrize("answer_role", list(AnswerRole))
async def test_every_m_section_of_an_answer_has_its_attributes(answer_role: AnswerRole) -> None:
    async with pair(right=loopback(answer_role=answer_role)) as (left, right):
        wish(left)
        await offer(left, right)
        sdp = (await right.createAnswer()).sdp

        for section in sections(sdp):
            assert SETUP.findall(section) == [f"a=setup:{answer_role.value}"]
            assert len(re.findall(r"a=fingerprint:sha-256 ", section)) == 1
        assert "a=connection" not in sdp


@pytest.mark.conformance("5-offer")
async def test_an_offer_again_that_names_the_current_role_is_accepted() -> None:
    async with pair() as (left, right):
        channel = left.createDataChannel("x")
        await connect(left, right)
        await opened(channel)
        again = await left.createOffer()
        # The answerer was active, so the offerer's current role is passive.
        named = replace(again, sdp=SETUP.sub("a=setup:passive", again.sdp))
        await right.setRemoteDescription(named)
        await right.setLocalDescription()

        assert set(SETUP.findall(local(right).sdp)) == {"a=setup:active"}
        assert right.connectionState == "connected"


@pytest.mark.conformance("5-answer-accept")
@pytest.mark.parametrize("line", ["a=setup:actpass", "a=setup:holdconn", None])
async def test_an_answer_that_chooses_no_role_is_refused(line: str | None) -> None:
    async with pair() as (left, right):
        wish(left)
        await offer(left, right)
        await right.setLocalDescription()
        wrong = SETUP.sub(line or "a=nothing", local(right).sdp)
        async with unchanged(left):
            with pytest.raises(SetupError) as raised:
                await left.setRemoteDescription(replace(local(right), sdp=wrong))

        assert (line or "no a=setup") in str(raised.value)
        # The right one is still welcome.
        await left.setRemoteDescription(local(right))
        assert left.signalingState == "stable"


@pytest.mark.conformance("5-no-connection")
@pytest.mark.parametrize("value", ["new", "existing"])
async def test_a_connection_attribute_changes_nothing(value: str) -> None:
    async with pair() as (left, right):
        channel = left.createDataChannel("x")
        await left.setLocalDescription()
        text = local(left).sdp.replace("a=setup:", f"a=connection:{value}\r\na=setup:")
        await right.setRemoteDescription(replace(local(left), sdp=text))
        await right.setLocalDescription()
        text = local(right).sdp.replace("a=setup:", f"a=connection:{value}\r\na=setup:")
        await left.setRemoteDescription(replace(local(right), sdp=text))

        await opened(channel)
        assert "a=connection" not in local(right).sdp


@pytest.mark.conformance("5-fingerprint", "5-hashes")
@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("", "no a=fingerprint"),
        ("a=fingerprint:sha-1 " + ":".join(["AB"] * 20) + "\r\n", "sha-1 is too weak"),
        ("a=fingerprint:md5 " + ":".join(["AB"] * 16) + "\r\n", "md5 is too weak"),
        ("a=fingerprint:md2 " + ":".join(["AB"] * 16) + "\r\n", "md2 is too weak"),
    ],
)
async def test_a_section_without_a_fingerprint_that_counts_is_refused(
    lines: str, words: str
) -> None:
    # A new m-section without any is else rejected by itself; one that is weak is refused always.
    async with pair(right=loopback(sdp_leniency=())) as (left, right):
        left.createDataChannel("x")
        await left.setLocalDescription()
        text = re.sub(r"a=fingerprint:[^\r]*\r\n", lines, local(left).sdp)
        async with unchanged(right):
            with pytest.raises(FingerprintError, match=words):
                await right.setRemoteDescription(replace(local(left), sdp=text))


@pytest.mark.conformance("5-fingerprint")
async def test_a_new_section_without_any_fingerprint_is_answered_with_port_zero() -> None:
    async with pair() as (left, right):
        left.createDataChannel("x")
        await left.setLocalDescription()
        text = re.sub(r"a=fingerprint:[^\r]*\r\n", "", local(left).sdp)
        await right.setRemoteDescription(replace(local(left), sdp=text))
        await right.setLocalDescription()
        assert re.findall(r"m=\S+ (\d+)", local(right).sdp) == ["0"]


@pytest.mark.conformance("5-fingerprint")
async def test_a_fingerprint_at_the_level_of_the_session_is_enough() -> None:
    async with pair() as (left, right):
        channel = left.createDataChannel("x")
        await left.setLocalDescription()
        text = local(left).sdp
        line = re.findall(r"a=fingerprint:[^\r]*\r\n", text)[0]
        text = text.replace(line, "").replace("t=0 0\r\n", f"t=0 0\r\n{line}", 1)
        await right.setRemoteDescription(replace(local(left), sdp=text))
        await right.setLocalDescription()
        await left.setRemoteDescription(local(right))
        await opened(channel)


@pytest.mark.conformance("5-tls-id")
async def test_the_id_of_an_association_is_random_and_stays() -> None:
    async with pair() as (left, right):
        left.createDataChannel("x")
        await connect(left, right)
        first = [ids(local(left).sdp), ids(local(right).sdp)]
        await connect(right, left)
        second = [ids(local(left).sdp), ids(local(right).sdp)]

        assert first == second
        assert len(set(first)) == 2
        for value in first:
            # RFC 8842 section 9: 120 bits; ours are written in base 32.
            assert re.fullmatch(r"[a-z2-7]{24,}", value)


@pytest.mark.conformance("5-tls-id")
async def test_a_peer_without_the_id_is_served() -> None:
    async with pair() as (left, right):
        channel = left.createDataChannel("x")
        await left.setLocalDescription()
        text = re.sub(r"a=tls-id:[^\r]*\r\n", "", local(left).sdp)
        await right.setRemoteDescription(replace(local(left), sdp=text))
        await right.setLocalDescription()
        text = re.sub(r"a=tls-id:[^\r]*\r\n", "", local(right).sdp)
        await left.setRemoteDescription(replace(local(right), sdp=text))
        await opened(channel)


def ids(sdp: str) -> str:
    (found,) = set(re.findall(r"a=tls-id:(\S+)", sdp))
    return str(found)
