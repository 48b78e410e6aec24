"""The example that calls everybody in a room, and talks to the first who accepts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from examples import ring_all
from signaling import Opening, join
from signaling.server import create_app
from tests.support.clock.deadline import DEADLINE
from tests.support.media.clips import make_clip
from tests.support.network.asgi import serve
from tests.support.rooms.events import Watched

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_first_who_accepts_hears_the_bot_and_the_other_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_clip(tmp_path / "song.webm", seconds=2)
    async with (
        asyncio.timeout(DEADLINE),
        serve(create_app()) as base,
        join(f"{base}/ws", room="r", name="phone", opening=Opening.EARLY_ANSWER) as phone,
        join(f"{base}/ws", room="r", name="laptop", opening=Opening.EARLY_ANSWER) as laptop,
    ):
        at_phone, at_laptop = Watched(phone), Watched(laptop)
        bot = asyncio.create_task(ring_all.main(f"{base}/ws", "r", str(clip)))
        await at_phone.event("ringing")
        caller = await at_laptop.event("ringing")
        caller.accept()
        assert (await at_phone.event("participantleft")).reason == "answered elsewhere"
        await (await at_laptop.event("track")).track.recv()
        caller.decline("thank you")
        await bot
    assert capsys.readouterr().out.startswith("laptop accepts, over pc-")
