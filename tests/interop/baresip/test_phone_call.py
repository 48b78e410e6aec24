"""Calls with baresip, a SIP phone without BUNDLE and mids, in either role."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from media import SyntheticAudioTrack
from peer import ConnectionState, PeerConfiguration, PeerConnection, SdpType, SessionDescription
from peer.rtp.inbound.stats import InboundRtpStats
from peer.tracing.events import Fanout, HandshakeCompleted
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import expected, local, reached, within
from tests.support.peers.baresip import Phone, baresip
from tests.support.peers.negotiated_session import small_video
from tests.support.rtp.arrivals import ArrivalSink
from tests.support.tracing.traces import Sink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from peer import RekeyResult

pytestmark = [pytest.mark.needs("baresip"), pytest.mark.xdist_group("peer-baresip")]

TIMES = 10
#: Seconds between two looks at a counter.
_LOOK = 0.03
#: Seconds in which 20 packets of sound would come.
_SILENCE = 0.4


class PhoneCall:
    """Our end of a call with the phone, and what it hears."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self._arrivals, self._trace = ArrivalSink(), Sink()
        sinks = Fanout(self._arrivals, self._trace)
        self.pc = PeerConnection(PeerConfiguration(trace=sinks))
        self.pc.addTrack(SyntheticAudioTrack())
        self.pc.addTrack(small_video())

    @property
    def handshakes(self) -> int:
        return len(self._trace.all(HandshakeCompleted))

    async def described(self) -> str:
        await self.pc.setLocalDescription()
        await within(self.pc.gathering_complete())
        return local(self.pc).sdp

    async def offer(self) -> str:
        answer = await self.phone.invite(await self.described())
        await self.pc.setRemoteDescription(SessionDescription(type=SdpType.ANSWER, sdp=answer))
        return answer

    async def answer(self) -> str:
        """Answer the next offer of the phone, and return that offer."""
        offer = await within(self.phone.calls.get())
        await self.pc.setRemoteDescription(SessionDescription(type=SdpType.OFFER, sdp=offer))
        self.phone.accept(await self.described())
        return str(offer)

    async def talk(self) -> None:
        """Wait until sound comes, and until the phone has heard ours."""
        await within(self.pc.connected())
        await self.flow()
        await self.phone.logs("incoming rtp for 'audio' established")

    async def flow(self, count: int = 5) -> None:
        first = await self._received()
        async with asyncio.timeout(DEADLINE):
            while True:
                if await self._received() >= first + count:
                    return
                await asyncio.sleep(_LOOK)

    async def silence(self) -> int:
        """Count the packets that come where none should."""
        # What was on its way before comes now.
        await asyncio.sleep(_SILENCE / 4)
        self._arrivals.reset()
        await asyncio.sleep(_SILENCE)
        return self._arrivals.report().count

    async def _received(self) -> int:
        stats = (await self.pc.getStats()).values()
        return sum(each.packetsReceived for each in stats if isinstance(each, InboundRtpStats))


@pytest.fixture
async def phone(tmp_path: Path) -> AsyncIterator[Phone]:
    async with baresip(tmp_path) as phone:
        await phone.logs("baresip is ready")
        yield phone


@pytest.fixture
async def call(phone: Phone) -> AsyncIterator[PhoneCall]:
    """A call that we have made."""
    call = PhoneCall(phone)
    async with call.pc:
        await call.offer()
        await call.talk()
        yield call


@pytest.fixture
async def phones_call(phone: Phone) -> AsyncIterator[PhoneCall]:
    """A call that the phone has made."""
    call = PhoneCall(phone)
    async with call.pc:
        await phone.dial()
        await call.answer()
        await call.talk()
        yield call


async def test_phone_that_we_call_is_heard_and_hears_us(call: PhoneCall) -> None:
    # A transport and a handshake for each kind, as it bundles nothing.
    assert [each.verified for each in call.pc.security.transports] == [True, True]


async def test_phone_that_calls_us_is_heard_and_hears_us(phones_call: PhoneCall) -> None:
    assert [each.verified for each in phones_call.pc.security.transports] == [True, True]


async def test_call_that_we_hold_is_silent_and_resumes(call: PhoneCall) -> None:
    for _ in range(3):
        for transceiver in call.pc.getTransceivers():
            transceiver.direction = "inactive"
        await call.offer()
        assert await call.silence() == 0
        for transceiver in call.pc.getTransceivers():
            transceiver.direction = "sendrecv"
        await call.offer()
        await call.flow()
    assert call.handshakes == 2


async def test_call_that_the_phone_holds_resumes(phones_call: PhoneCall) -> None:
    for _ in range(3):
        await phones_call.phone.command("hold")
        assert "a=sendonly" in await phones_call.answer()
        await phones_call.phone.command("resume")
        assert "a=sendrecv" in await phones_call.answer()
        await phones_call.flow()
    assert phones_call.handshakes == 2


async def test_track_that_the_phone_has_no_place_for_is_refused_ten_times_and_the_call_goes_on(
    call: PhoneCall,
) -> None:
    for _ in range(TIMES):
        transceiver = call.pc.addTransceiver(small_video())
        await call.offer()
        assert transceiver.stopped
        await call.flow(2)
    assert call.handshakes == 2


async def test_rekey_with_the_phone_says_that_it_kept_its_association(call: PhoneCall) -> None:
    needed = expected(call.pc, "negotiationneeded")
    rekeying = asyncio.create_task(call.pc.rekey())
    await within(needed)
    await call.offer()
    result: RekeyResult = await within(rekeying)
    assert not result.changed
    assert "the peer kept its association" in result.reason
    await call.flow()
    assert call.handshakes == 2


async def test_phone_that_hangs_up_ends_its_associations(call: PhoneCall) -> None:
    await call.phone.command("hangup")
    await within(call.phone.ended)
    await reached(
        call.pc,
        "connectionstatechange",
        lambda: call.pc.connectionState is ConnectionState.DISCONNECTED,
    )
    assert call.pc.iceConnectionState != "disconnected"
