"""The offerer before its answer: RFC 5763 section 5 lets the peer shake hands already."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from peer import Certificate, DtlsError, SessionDescription
from peer.runtime.transport_statistics import TransportStats
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import (
    announced,
    expected,
    forged,
    local,
    loopback,
    offer,
    opened,
    pair,
    reached,
    within,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from av import AudioFrame

    from peer import DataChannel, MediaStreamTrack, PeerConnection


class CountedTone(ToneTrack):
    """A tone that tells of each of its frames."""

    def __init__(self) -> None:
        super().__init__(500)
        self._given = asyncio.Event()

    async def next(self) -> None:
        """Wait until another frame was asked for."""
        self._given.clear()
        await self._given.wait()

    async def recv(self) -> AudioFrame:
        self._given.set()
        return await super().recv()


@dataclass(frozen=True)
class Early:
    """A connection that is there for the answerer, whose answer is still on its way."""

    offerer: PeerConnection
    answerer: PeerConnection
    channel: DataChannel
    track: MediaStreamTrack
    source: CountedTone
    events: list[str]
    answer: SessionDescription

    async def transport(self) -> TransportStats:
        """The offerer's, that the answerer has reached."""
        stats = (await self.offerer.getStats()).values()
        (found,) = (
            each for each in stats if isinstance(each, TransportStats) and each.packetsReceived
        )
        return found


@asynccontextmanager
async def early() -> AsyncIterator[Early]:
    async with pair(loopback(bundlePolicy="max-bundle")) as (offerer, answerer):
        events: list[str] = []
        channel = offerer.createDataChannel("chat")
        transceiver = offerer.addTransceiver("audio")
        offerer.on("track", lambda event: events.append("track"))
        offerer.on("datachannel", lambda event: events.append("datachannel"))
        await offer(offerer, answerer)
        source = CountedTone()
        answerer.addTrack(source)
        answerer.createDataChannel("of the answerer")
        await answerer.setLocalDescription()
        await within(answerer.connected())
        description = local(answerer)
        yield Early(
            offerer, answerer, channel, transceiver.receiver.track, source, events, description
        )


@pytest.mark.conformance("5-early-hello")
async def test_the_handshake_is_complete_before_the_answer_arrives() -> None:
    async with early() as call:
        transport = await call.transport()

        assert call.offerer.signalingState == "have-local-offer"
        assert call.answerer.connectionState == "connected"
        assert call.offerer.connectionState == "connecting"
        assert transport.dtlsState == "connecting"
        assert transport.tlsVersion == "FEFD"
        assert transport.remoteCertificateId is not None


@pytest.mark.conformance("5-early-hello", "5-fp-match")
async def test_no_data_is_delivered_before_the_answer_names_the_fingerprint() -> None:
    async with early() as call:
        # Sound, and the INIT of SCTP, which are on their way once the answerer is connected.
        before = (await call.transport()).packetsReceived
        while (await call.transport()).packetsReceived < before + 10:
            await within(call.source.next())

        report = await call.offerer.getStats()
        assert not [each for each in report.values() if each.type == "inbound-rtp"]
        assert call.channel.readyState == "connecting"
        assert call.events == []


@pytest.mark.conformance("5-early-hello")
async def test_the_answer_opens_what_is_there_already() -> None:
    async with early() as call:
        certificate = (await call.transport()).remoteCertificateId
        coming = expected(call.offerer, "datachannel")
        await call.offerer.setRemoteDescription(call.answer)

        # Not after another round trip: the state has changed with the answer.
        assert (await call.transport()).dtlsState == "connected"
        assert (await call.transport()).remoteCertificateId == certificate
        await within(call.offerer.connected())
        await opened(call.channel)
        assert (await within(coming)).channel.label == "of the answerer"
        await hears(call.track, 500)


@pytest.mark.conformance("5-early-hello", "5-fp-mismatch", "5-fp-match")
async def test_an_answer_of_somebody_else_ends_it() -> None:
    stranger = Certificate.generate().fingerprint()
    async with early() as call:
        await call.offerer.setRemoteDescription(forged(call.answer, stranger))

        assert call.offerer.connectionState == "failed"
        assert isinstance(call.offerer.error, DtlsError)
        assert str(stranger) in str(call.offerer.error)
        assert announced(call.answerer) in str(call.offerer.error)
        with pytest.raises(DtlsError):
            await call.offerer.connected()
        # The answerer is told, and nothing was delivered.
        await reached(
            call.answerer,
            "connectionstatechange",
            lambda: call.answerer.connectionState != "connected",
        )
        assert "datachannel" not in call.events
        assert call.channel.readyState != "open"


async def test_the_failure_is_told_when_the_description_is_in_force() -> None:
    stranger = Certificate.generate().fingerprint()
    async with early() as call:
        seen: list[tuple[str, str]] = []
        offerer = call.offerer

        def look() -> None:
            seen.append((offerer.signalingState, offerer.connectionState))

        offerer.on("signalingstatechange", look)
        offerer.on("connectionstatechange", look)
        await offerer.setRemoteDescription(forged(call.answer, stranger))

        assert seen == [("stable", "connecting"), ("stable", "failed")]
