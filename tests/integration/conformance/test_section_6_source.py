"""RFC 5763 section 6.7.1: only an address that has passed a check is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.captures.captured_call import Call, call
from tests.support.captures.dtls_reader import CLIENT_HELLO, flow
from tests.support.captures.wire import Captured, Side, ThirdParty, pass_on, third_party
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import expected, opened, says, within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def passing_over(
    at: Call, to_third_party: ThirdParty, meant: Callable[[Captured], bool], victim: Side
) -> list[Captured]:
    """Let the genuine datagrams of the victim's peer come from another address."""
    diverted: list[Captured] = []

    def divert(each: Captured) -> Iterable[bytes]:
        if each.sender is victim or not meant(each):
            return pass_on(each)
        diverted.append(each)
        to_third_party.send(each.data, at.wire.paths[each.path].homes[victim])
        return ()

    at.wire.fate = divert
    return diverted


@pytest.mark.conformance("6.7.1-source")
async def test_a_client_hello_from_elsewhere_gets_no_answer() -> None:
    async with third_party() as elsewhere, call() as at:
        channel = at.offerer.createDataChannel("x")
        diverted = passing_over(at, elsewhere, lambda each: each.is_dtls, Side.OFFERER)
        await at.exchange()
        # The peer sends its ClientHello again, and each time it comes from elsewhere.
        await at.wire.until(lambda: len(diverted) >= 3)
        assert flow(diverted) == [(Side.ANSWERER, CLIENT_HELLO)]
        assert not [each for each in at.wire.of(Side.OFFERER) if each.is_dtls]

        at.wire.fate = pass_on
        await opened(channel)
        assert elsewhere.answers == []


@pytest.mark.conformance("6.7.1-source")
async def test_srtp_from_elsewhere_is_not_decoded() -> None:
    async with third_party() as elsewhere, call() as at:
        diverted: list[Captured] = []
        coming = expected(at.answerer, "track")
        at.offerer.addTrack(ToneTrack(600))
        diverted = passing_over(at, elsewhere, lambda each: each.is_srtp, Side.ANSWERER)
        await at.connect()
        await at.wire.until(lambda: len(diverted) >= 20)

        report = (await at.answerer.getStats()).values()
        assert not [each for each in report if each.type == "inbound-rtp"]
        at.wire.fate = pass_on
        await hears((await within(coming)).track, 600)
        assert elsewhere.answers == []


@pytest.mark.conformance("6.7.1-source")
async def test_data_from_elsewhere_is_not_delivered() -> None:
    async with third_party() as elsewhere, call() as at:
        coming = expected(at.answerer, "datachannel")
        channel = at.offerer.createDataChannel("x", ordered=False, maxRetransmits=0)
        await at.connect()
        await opened(channel)
        other = (await within(coming)).channel
        heard: list[str] = []
        other.on("message", heard.append)

        def is_message(each: Captured) -> bool:
            return each.data[0] == 23 and len(each.data) > 1000

        diverted = passing_over(at, elsewhere, is_message, Side.ANSWERER)
        channel.send("stolen" * 180)
        await at.wire.until(lambda: bool(diverted))
        await says(channel, "genuine", other)

        assert heard == ["genuine"]
        assert elsewhere.answers == []
