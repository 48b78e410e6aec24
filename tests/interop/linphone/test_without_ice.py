"""Calls of linphone without ICE."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import av
import pytest

from media import Recorder
from peer import IcePolicy, PeerConfiguration, RtcpMuxPolicy
from tests.support.negotiation.connections import within
from tests.support.peers.linphone import Phone, until_told
from tests.support.peers.phone_calls import PhoneCall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from media.recording.events import Progress
    from peer import TrackEvent

pytestmark = [
    pytest.mark.needs("linphone"),
    pytest.mark.xdist_group("peer-linphone"),
    pytest.mark.conformance("6.7.2-latching", peers=("linphone",)),
]

#: Seconds of a recording that are enough (ours).
_RECORDED = 1.0
#: The phone that is called describes the loopback; one that calls, the address of an interface, by
#: IPv6 where there is any.
_WITHOUT_ICE = PeerConfiguration(
    ice=IcePolicy.OPTIONAL, rtcp_mux=RtcpMuxPolicy.NEGOTIATE, interfaces=("127.0.0.1",)
)


async def test_linphone_without_ice_is_called_and_talks(tmp_path: Path) -> None:
    async def tell(phone: Phone) -> None:
        call = PhoneCall(phone, _WITHOUT_ICE)
        async with call.pc:
            await call.offer()
            await phone.state("StreamsRunning")
            await within(call.pc.connected())
            await phone.speak()
            await call.flow(kinds=["audio"])
            await call.heard(kinds=["audio"])
            assert not any(transport.uses_ice for transport in call.pc.security.transports)
            assert call.pc.security.verified

    await until_told(tmp_path, tell, policy="none")


@asynccontextmanager
async def stopped(recorder: Recorder) -> AsyncIterator[None]:
    """Stop a recorder at the end of a block."""
    try:
        yield
    finally:
        await recorder.stop()


async def test_linphone_without_ice_calls_and_is_recorded_while_it_hears_us(
    tmp_path: Path,
) -> None:
    # One for each phone, as one in ten crashes.
    files: list[Path] = []

    async def tell(phone: Phone) -> None:
        call = PhoneCall(phone, replace(_WITHOUT_ICE, interfaces=None))
        file = tmp_path / f"call-{len(files)}.mkv"
        files.append(file)
        recorder, enough = Recorder(file), asyncio.Event()

        @call.pc.on("track")
        def take(event: TrackEvent) -> None:
            if event.track.kind == "audio":
                recorder.addTrack(event.track)

        @recorder.on("progress")
        def note(progress: Progress) -> None:
            if progress.duration >= _RECORDED:
                enough.set()

        async with call.pc, stopped(recorder):
            await phone.dial()
            offer = await call.answer()
            assert "a=ice-ufrag" not in offer
            await recorder.start()
            await phone.state("StreamsRunning")
            await within(call.pc.connected())
            await phone.speak()
            await call.flow(kinds=["audio"])
            await call.heard(kinds=["audio"])
            await within(enough.wait())
            assert not any(transport.uses_ice for transport in call.pc.security.transports)
            assert call.pc.security.verified

    await until_told(tmp_path, tell, policy="none")
    with av.open(str(files[-1])) as recorded:
        assert [stream.type for stream in recorded.streams] == ["audio"]
