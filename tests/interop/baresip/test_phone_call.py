"""Calls with baresip, a SIP phone without BUNDLE and mids, in either role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from peer import ConnectionState
from tests.support.negotiation.connections import local, reached, within
from tests.support.peers.baresip import Phone, baresip
from tests.support.peers.negotiated_session import small_video
from tests.support.peers.phone_calls import PhoneCall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


Call = PhoneCall[Phone]

pytestmark = [pytest.mark.needs("baresip"), pytest.mark.xdist_group("peer-baresip")]

TIMES = 10
#: Seconds between two looks at a counter.
_LOOK = 0.03
#: Seconds in which 20 packets of sound would come.
_SILENCE = 0.4


async def talk(call: Call) -> None:
    """Wait until sound comes, and until the phone has heard ours."""
    await within(call.pc.connected())
    await call.flow(kinds=["audio"])
    await call.phone.logs("incoming rtp for 'audio' established")


@pytest.fixture
async def phone(tmp_path: Path) -> AsyncIterator[Phone]:
    async with baresip(tmp_path) as phone:
        await phone.logs("baresip is ready")
        yield phone


@pytest.fixture
async def call(phone: Phone) -> AsyncIterator[Call]:
    """A call that we have made."""
    call = PhoneCall(phone)
    async with call.pc:
        await call.offer()
        await talk(call)
        yield call


@pytest.fixture
async def phones_call(phone: Phone) -> AsyncIterator[Call]:
    """A call that the phone has made."""
    call = PhoneCall(phone)
    async with call.pc:
        await phone.dial()
        await call.answer()
        await talk(call)
        yield call


async def test_phone_that_we_call_is_heard_and_hears_us(call: Call) -> None:
    # A transport and a handshake for each kind, as it bundles nothing.
    assert [each.verified for each in call.pc.security.transports] == [True, True]


async def test_phone_that_calls_us_is_heard_and_hears_us(phones_call: Call) -> None:
    assert [each.verified for each in phones_call.pc.security.transports] == [True, True]


async def test_call_that_we_hold_is_silent_and_resumes(call: Call) -> None:
    for _ in range(3):
        assert await call.hold() == 0
        await call.flow(kinds=["audio"])
    assert call.handshakes == 2


async def test_call_that_the_phone_holds_resumes(phones_call: Call) -> None:
    for _ in range(3):
        await phones_call.phone.command("hold")
        assert "a=sendonly" in await phones_call.answer()
        await phones_call.phone.command("resume")
        assert "a=sendrecv" in await phones_call.answer()
        await phones_call.flow(kinds=["audio"])
    assert phones_call.handshakes == 2


async def test_track_that_the_phone_has_no_place_for_is_refused_ten_times_and_the_call_goes_on(
    call: Call,
) -> None:
    for _ in range(TIMES):
        transceiver = call.pc.addTransceiver(small_video())
        await call.offer()
        assert transceiver.stopped
        await call.flow(2, kinds=["audio"])
    assert call.handshakes == 2


async def test_rekey_with_the_phone_says_that_it_kept_its_association(
    call: Call,
) -> None:
    result = await call.rekey()
    assert not result.changed
    assert "the peer kept its association" in result.reason
    await call.flow(kinds=["audio"])
    assert call.handshakes == 2


async def test_phone_that_hangs_up_ends_its_associations(call: Call) -> None:
    await call.phone.command("hangup")
    await within(call.phone.ended)
    await reached(
        call.pc,
        "connectionstatechange",
        lambda: call.pc.connectionState is ConnectionState.DISCONNECTED,
    )
    assert call.pc.iceConnectionState != "disconnected"


async def test_ice_restart_that_the_phone_answers_with_its_old_credentials_is_followed(
    call: Call,
) -> None:
    ufrags, theirs = [_ufrags(local(call.pc).sdp)], _ufrags(await call.offer())
    for _ in range(2):
        call.pc.restartIce()
        assert _ufrags(await call.offer()) == theirs
        await call.flow(20, kinds=["audio"])
        # The next offer is of the generation that carries, and so restarts nothing.
        await call.offer()
        await call.flow(20, kinds=["audio"])
        ufrags.append(_ufrags(local(call.pc).sdp))
    assert len({text for fragments in ufrags for text in fragments}) == 3
    assert call.handshakes == 2
    assert call.pc.iceConnectionState in ("connected", "completed")


def _ufrags(sdp: str) -> set[str]:
    return {line for line in sdp.splitlines() if line.startswith("a=ice-ufrag:")}
