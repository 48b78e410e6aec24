"""The SIP bots of examples/ do what they say: a phone of ours calls each through Kamailio."""

from __future__ import annotations

import asyncio
import math
import struct
import wave
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import av
import pytest

from examples import ivr_bot, voicemail_bot
from media import ToneMeter
from signaling import sip
from tests.support.clock.deadline import DEADLINE
from tests.support.negotiation.connections import until, within
from tests.support.peers.kamailio import Kamailio, kamailio
from tests.support.peers.sip_phones import sounding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path
    from typing import Any

    from peer import MediaStreamTrack, PeerConnection, TrackEvent

pytestmark = [pytest.mark.needs("kamailio"), pytest.mark.xdist_group("peer-kamailio")]

USERS = {"ann": "secret-of-ann", "bot": "secret-of-the-bot"}
_RATE = 16_000


def write_tone(path: Path, pitch: float, *, seconds: int = 20) -> Path:
    second = [round(8000 * math.sin(2 * math.pi * pitch * i / _RATE)) for i in range(_RATE)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(struct.pack(f"<{_RATE}h", *second) * seconds)
    return path


class Caller:
    """A connection that sends a tone, and listens."""

    def __init__(self) -> None:
        self.pc = sounding()
        self._track: asyncio.Future[MediaStreamTrack] = asyncio.get_running_loop().create_future()
        self.pc.on("track", self._take)

    def _take(self, event: TrackEvent) -> None:
        if not self._track.done():
            self._track.set_result(event.track)

    async def hear(self, pitch: float) -> None:
        """Listen until a quarter of a second has this pitch."""
        track, meter, samples = await self._track, ToneMeter(0.25), 0
        async with asyncio.timeout(DEADLINE):
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.AudioFrame)
                meter.hear(frame)
                samples += frame.samples
                if samples >= 24_000 and abs((meter.measure().pitch or 0.0) - pitch) < 40:
                    return


@asynccontextmanager
async def calling(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    bot: Callable[[Kamailio], Coroutine[Any, Any, None]],
) -> AsyncIterator[tuple[Kamailio, sip.Phone]]:
    """A bot that answers at a proxy, and a phone that is registered there."""
    monkeypatch.setenv("SIP_SECRET", USERS["bot"])
    async with kamailio(folder, users=USERS) as proxy:
        answering = asyncio.create_task(bot(proxy))
        try:
            async with sip.register(proxy.ws, proxy.aor("ann"), USERS["ann"]) as ann:
                yield proxy, ann
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)


async def reached(ann: sip.Phone, target: str, connection: PeerConnection) -> sip.Call:
    """Call the bot, again while it has not registered yet."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                return await ann.invite(target, connection)
            except sip.CallRejected as error:
                if error.status not in (404, 480):
                    raise
                await asyncio.sleep(0.1)


async def test_voice_menu_plays_what_the_caller_chooses_and_hangs_up_at_the_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    welcome, hours = (write_tone(tmp_path / f"{p}.wav", p) for p in (400, 800))

    async def bot(proxy: Kamailio) -> None:
        await ivr_bot.main(proxy.ws, proxy.aor("bot"), str(welcome), f"1={hours}")

    async with calling(tmp_path, monkeypatch, bot) as (proxy, ann):
        caller = Caller()
        call = await reached(ann, proxy.aor("bot"), caller.pc)
        await caller.hear(400)
        await within(call.send_tones("91"))
        await caller.hear(800)
        await within(call.send_tones("#"))
        assert (await within(call.ended())).cause is sip.EndCause.REMOTE


async def test_mailbox_records_what_the_caller_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voicemail_bot, "GREETING", 0.2)
    box = tmp_path / "box"
    box.mkdir()

    async def bot(proxy: Kamailio) -> None:
        await voicemail_bot.main(proxy.ws, proxy.aor("bot"), str(box))

    async with calling(tmp_path, monkeypatch, bot) as (proxy, ann):
        caller = Caller()
        call = await reached(ann, proxy.aor("bot"), caller.pc)
        await until(lambda: any(file.stat().st_size > 4000 for file in box.glob("*.ogg")))
        await within(call.hangup())
        await until(lambda: not list(box.glob("*.part*")))
    (message,) = box.glob("*.ogg")
    assert "ann" in message.name
    with av.open(str(message)) as file:
        assert [stream.type for stream in file.streams] == ["audio"]
        assert sum(frame.samples for frame in file.decode(audio=0)) > 0
