"""RFC 5763 sections 6.5 and 6.7.1: one association for each m-section, whatever ICE does."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from peer import BundlePolicy, Certificate, DtlsError
from peer.ice import IceParameters
from tests.support.captures.captured_call import Call, call
from tests.support.captures.dtls_reader import CLIENT_HELLO, flow, hellos
from tests.support.captures.wire import Side, pass_on
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import (
    expected,
    local,
    loopback,
    opened,
    reached,
    says,
    within,
)
from tests.support.network.scripted_ice_peer import connectivity_check

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer import DataChannel
    from tests.support.captures.wire import Captured

APART = BundlePolicy.MAX_COMPAT
SECTIONS = range(3)


def unbundled(sdp: str) -> str:
    return re.sub(r"a=group:BUNDLE[^\r]*\r\n", "", sdp)


async def three_sections(at: Call) -> DataChannel:
    """Sound, pictures and data, each with a transport of its own."""
    at.offerer.addTrack(ToneTrack(600))
    at.offerer.addTransceiver("video")
    channel = at.offerer.createDataChannel("x")
    await at.offer(unbundled)
    return channel


@pytest.mark.conformance("6.5-multiple")
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_each_m_section_has_an_association_in_any_order(order: tuple[int, ...]) -> None:
    async with call(loopback(bundlePolicy=APART)) as at:
        coming = expected(at.answerer, "track")
        allowed: set[int] = set()
        at.wire.fate = lambda each: pass_on(each) if each.path in allowed else ()
        channel = await three_sections(at)
        await at.offerer.setRemoteDescription(await at.make_answer())
        for path in order:
            allowed.add(path)
            await at.wire.until(lambda: finished(at, path))  # noqa: B023 - awaited at once
        await within(at.offerer.connected())
        await opened(channel)
        await hears((await within(coming)).track, 600)

        randoms = [hellos(at.wire.of(path=path), CLIENT_HELLO) for path in SECTIONS]
        assert [len(each) for each in randoms] == [1, 1, 1]
        assert len({each[0].random for each in randoms}) == 3


@pytest.mark.conformance("6.5-multiple")
async def test_transport_that_fails_does_not_stop_the_others() -> None:
    stranger = Certificate.generate().fingerprint()
    async with call(loopback(bundlePolicy=APART)) as at:
        coming = expected(at.answerer, "datachannel")
        track = expected(at.answerer, "track")
        channel = await three_sections(at)

        def swap(sdp: str) -> str:
            sections = sdp.split("m=")
            sections[2] = re.sub(r"fingerprint:[^\r]*", f"fingerprint:{stranger}", sections[2])
            return "m=".join(sections)

        await at.offerer.setRemoteDescription(await at.make_answer(swap))
        await reached(
            at.offerer, "connectionstatechange", lambda: at.offerer.connectionState == "failed"
        )
        await opened(channel)
        await says(channel, "all the same", (await within(coming)).channel)
        await hears((await within(track)).track, 600)

        states = [each.state for each in at.offerer.security.transports]
        assert states == ["connected", "failed", "connected"]
        assert isinstance(at.offerer.error, DtlsError)
        assert str(stranger) in str(at.offerer.error)


@pytest.mark.conformance("6.7.1-ice")
async def test_dtls_handshake_waits_for_a_valid_ice_pair() -> None:
    async with call() as at:
        at.offerer.createDataChannel("x")
        held = True

        def no_answers(each: Captured) -> Iterable[bytes]:
            # RFC 8489 section 5: the class bits tell an answer from a request.
            return () if held and each.is_stun and each.data[0] == 1 else pass_on(each)

        at.wire.fate = no_answers
        await at.exchange()
        await at.wire.until(lambda: all(checks(at, side) >= 3 for side in Side))
        assert not [each for each in at.wire.of() if each.is_dtls]

        held = False
        await within(at.offerer.connected())
        log = list(at.wire.of())
        hello = next(n for n, each in enumerate(log) if each.is_dtls)
        assert [each for each in log[:hello] if each.is_stun and each.data[0] == 1]


@pytest.mark.conformance("6.7.1-ice")
async def test_one_dtls_handshake_however_many_ice_pairs_are_valid() -> None:
    async with call(paths=4) as at:
        channel = at.offerer.createDataChannel("x")
        await at.offer()
        answer = await at.make_answer()
        for path in range(4):
            nominate(at, path, use=False)
        await at.offerer.setRemoteDescription(answer)
        await opened(channel)
        # Every pair is checked, and answered, on both sides.
        await at.wire.until(
            lambda: all(answered(at, side, path) for side in Side for path in range(4))
        )

        assert len(hellos(at.wire.of(), CLIENT_HELLO)) == 1
        assert len(at.offerer.security.transports) == 1


@pytest.mark.conformance("6.7.1-ice")
async def test_a_changed_pair_carries_the_association_along() -> None:
    async with call(paths=2) as at:
        coming = expected(at.answerer, "datachannel")
        channel = at.offerer.createDataChannel("x")
        await at.connect()
        await opened(channel)
        other = (await within(coming)).channel
        before = used(at)
        nominate(at, 1 - before, use=True)
        async with asyncio.timeout(DEADLINE):
            while used(at) == before:
                await says(other, "which way?", channel)
        seen = len(at.wire.log)
        await says(other, "over the new pair", channel)
        await says(channel, "and back", other)

        moved = [x for x in at.wire.log[seen:] if x.sender == Side.ANSWERER and protected(x)]
        assert moved
        assert {each.path for each in moved} == {1 - before}
        assert len(hellos(at.wire.of(), CLIENT_HELLO)) == 1
        assert at.answerer.connectionState == "connected"


def protected(each: Captured) -> bool:
    return each.data[0] == 23


def used(at: Call) -> int:
    """The path that the answerer's data took last."""
    return [each.path for each in at.wire.of(Side.ANSWERER) if protected(each)][-1]


def finished(at: Call, path: int) -> bool:
    said = flow(at.wire.of(path=path))
    return all((side.value, "Finished") in said for side in Side)


def checks(at: Call, side: Side) -> int:
    return sum(each.is_stun and each.data[0] == 0 for each in at.wire.of(side))


def answered(at: Call, side: Side, path: int) -> bool:
    return any(each.is_stun and each.data[0] == 1 for each in at.wire.of(side, path))


def nominate(at: Call, path: int, *, use: bool) -> None:
    """Let the answerer get a check of the offerer's over a path."""
    own, other = (
        IceParameters(*(re.findall(rf"a=ice-{name}:(\S+)", sdp)[0] for name in ("ufrag", "pwd")))
        for sdp in (local(at.offerer).sdp, local(at.answerer).sdp)
    )
    at.wire.paths[path].inject(Side.ANSWERER, bytes(connectivity_check(own, other, nominate=use)))
