"""Media before the answer (RFC 5763 sections 6.2 and 8.1): held back, or handed over marked."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from peer import Certificate, DtlsError, EarlyMedia, SdpType, SessionDescription
from peer.rtp.tracks import MediaStreamError
from peer.tracing.events import Datagram, DatagramKind, Direction
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import (
    connect,
    expected,
    local,
    loopback,
    offer,
    opened,
    pair,
    within,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from peer import DataChannel, PeerConnection, RtpReceiver
    from peer.tracing.events import TraceEvent


class Arrivals:
    """A trace sink that counts the media that arrives, whatever becomes of it."""

    wants_data = True

    def __init__(self) -> None:
        self._count = 0
        self._more = asyncio.Event()

    def __call__(self, event: TraceEvent) -> None:
        if isinstance(event, Datagram) and event.kind is DatagramKind.SRTP:
            self._count += event.direction is Direction.IN
            self._more.set()

    async def some(self, packets: int = 10) -> None:
        """Wait until so many have come."""
        while self._count < packets:
            self._more.clear()
            await within(self._more.wait())


MEDIA = pytest.mark.conformance("6.2-early-media", "8.1-responder")


@dataclass(frozen=True)
class Early:
    """A call whose answerer is there and sends, and whose answer is still on its way."""

    offerer: PeerConnection
    answerer: PeerConnection
    channel: DataChannel
    receiver: RtpReceiver
    answer: SessionDescription

    arrivals: Arrivals


@asynccontextmanager
async def early(policy: EarlyMedia) -> AsyncIterator[Early]:
    arrivals = Arrivals()
    left = loopback(early_media=policy, bundlePolicy="max-bundle", trace=arrivals)
    async with pair(left) as (offerer, answerer):
        channel = offerer.createDataChannel("chat")
        transceiver = offerer.addTransceiver("audio")
        await offer(offerer, answerer)
        answerer.addTrack(ToneTrack(500))
        answerer.createDataChannel("of the answerer")
        await answerer.setLocalDescription()
        await within(answerer.connected())
        yield Early(offerer, answerer, channel, transceiver.receiver, local(answerer), arrivals)


def marks(call: Early) -> tuple[bool, bool]:
    """What the offerer's receiver and its summary say."""
    return call.receiver.verified, call.offerer.security.verified


async def frames_of(receiver: RtpReceiver) -> int:
    """How many were decoded."""
    report = await receiver.getStats()
    return sum(getattr(each, "framesDecoded", 0) for each in report.values())


@MEDIA
async def test_media_is_handed_over_marked_and_then_verified() -> None:
    async with early(EarlyMedia.UNVERIFIED) as call:
        await hears(call.receiver.track, 500)

        assert call.offerer.signalingState == "have-local-offer"
        assert call.offerer.connectionState == "connecting"
        assert marks(call) == (False, False)
        assert "peer NOT verified" in str(call.offerer.security)

        await call.offerer.setRemoteDescription(call.answer)
        assert marks(call) == (True, True)
        await within(call.offerer.connected())
        await hears(call.receiver.track, 500)


@MEDIA
async def test_by_default_media_is_held_back() -> None:
    async with early(EarlyMedia.HOLD) as call:
        await call.arrivals.some()

        assert await frames_of(call.receiver) == 0
        assert not call.receiver.verified
        await call.offerer.setRemoteDescription(call.answer)
        await hears(call.receiver.track, 500)
        assert call.receiver.verified


@MEDIA
@pytest.mark.parametrize("policy", EarlyMedia)
async def test_data_is_held_back_whatever_the_policy(policy: EarlyMedia) -> None:
    async with early(policy) as call:
        coming = expected(call.offerer, "datachannel")
        await call.arrivals.some()

        assert call.channel.readyState == "connecting"
        assert not coming.done()
        await call.offerer.setRemoteDescription(call.answer)
        await opened(call.channel)
        assert (await within(coming)).channel.label == "of the answerer"


@MEDIA
async def test_no_media_is_sent_to_an_unverified_peer() -> None:
    async with early(EarlyMedia.UNVERIFIED) as call:
        await call.offerer.getSenders()[0].replaceTrack(ToneTrack(300))
        await call.arrivals.some()

        report = await call.offerer.getStats()
        assert not [each for each in report.values() if each.type == "outbound-rtp"]
        assert await frames_of(call.answerer.getReceivers()[0]) == 0


@MEDIA
@pytest.mark.parametrize("policy", EarlyMedia)
async def test_media_of_somebody_else_is_dropped_and_named(policy: EarlyMedia) -> None:
    stranger = Certificate.generate().fingerprint()
    async with early(policy) as call:
        await call.arrivals.some()
        if policy is EarlyMedia.UNVERIFIED:
            await within(call.receiver.track.recv())

        text = re.sub(r"a=fingerprint:\S+ \S+", f"a=fingerprint:{stranger}", call.answer.sdp)
        await call.offerer.setRemoteDescription(replace(call.answer, sdp=text))

        assert call.offerer.connectionState == "failed"
        with pytest.raises(DtlsError, match="does not match the fingerprint it signalled"):
            await call.offerer.connected()
        assert marks(call) == (False, False)
        if policy is EarlyMedia.UNVERIFIED:
            # Not even what had been decoded and not been fetched is given out any more.
            assert call.receiver.track.readyState == "ended"
            with pytest.raises(MediaStreamError):
                await within(call.receiver.track.recv())


async def test_transceiver_stopped_since_the_offer_receives_no_early_media() -> None:
    left = loopback(early_media="unverified", bundlePolicy="max-bundle")
    async with pair(left) as (offerer, answerer):
        going, staying = (offerer.addTransceiver("audio") for _ in range(2))
        await offer(offerer, answerer)
        await going.stop()
        for pitch in (500, 700):
            answerer.addTrack(ToneTrack(pitch))
        await answerer.setLocalDescription()

        await hears(staying.receiver.track, 700)
        assert going.receiver.track.readyState == "ended"
        await offerer.setRemoteDescription(local(answerer))
        await within(offerer.connected())
        await hears(staying.receiver.track, 700)


@pytest.mark.parametrize("policy", EarlyMedia)
async def test_an_answerer_that_closes_before_its_answer_is_a_failure(policy: EarlyMedia) -> None:
    async with early(policy) as call:
        await call.arrivals.some()
        await call.answerer.close()

        # Not only `disconnected`: there is nothing that could come back.
        with pytest.raises(DtlsError, match="closed the DTLS association before we knew who"):
            await within(call.offerer.connected())
        await call.offerer.setRemoteDescription(call.answer)
        assert call.offerer.connectionState == "failed"
        assert not call.receiver.verified


@MEDIA
async def test_early_media_over_a_transport_that_it_was_not_offered_for() -> None:
    left = loopback(early_media=EarlyMedia.UNVERIFIED, bundlePolicy="max-compat")
    async with pair(left) as (offerer, answerer):
        # Each m-section offers a transport of its own; the peer sends both over the first one.
        receivers = [offerer.addTransceiver("audio").receiver for _ in range(2)]
        await offer(offerer, answerer)
        for pitch in (500, 700):
            answerer.addTrack(ToneTrack(pitch))
        await answerer.setLocalDescription()

        for receiver, pitch in zip(receivers, (500, 700), strict=True):
            await hears(receiver.track, pitch)
            assert not receiver.verified
        await offerer.setRemoteDescription(local(answerer))
        await within(offerer.connected())
        for receiver, pitch in zip(receivers, (500, 700), strict=True):
            await hears(receiver.track, pitch)
            assert receiver.verified


@MEDIA
async def test_an_offer_that_was_heard_early_can_be_rolled_back() -> None:
    async with early(EarlyMedia.UNVERIFIED) as call:
        await hears(call.receiver.track, 500)
        await call.offerer.setLocalDescription(SessionDescription("", SdpType.ROLLBACK))

        async with asyncio.timeout(DEADLINE), pair() as (_, other):
            other.addTrack(ToneTrack(700))
            await connect(call.offerer, other)
            await hears(call.receiver.track, 700)
            assert call.receiver.verified
