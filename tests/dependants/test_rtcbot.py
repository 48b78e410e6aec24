"""rtcbot 0.2.5 on `peer.compat`: a robot's camera, and commands over a data channel."""

from __future__ import annotations

import pytest

from tests.support.dependants.calling_page import DECODED, call, page_of
from tests.support.dependants.environments import DEPENDANTS
from tests.support.dependants.program import PROGRAMS, DependantProgram

pytestmark = [pytest.mark.long, pytest.mark.browser("chromium"), pytest.mark.timeout(600)]


async def test_rtcbot_shows_a_camera_and_takes_commands() -> None:
    command = [str(PROGRAMS / "rtcbot_robot.py")]
    async with (
        DependantProgram(DEPENDANTS["rtcbot"], command) as program,
        page_of(await program.address()) as page,
    ):
        await call(page, "/offer", receive=("video",), channel="default")
        await page.evaluate("opened")
        await page.evaluate("channel.send(JSON.stringify({turn: 90}))")
        assert await program.told("command") == {"turn": 90}
        await page.wait_for("messages.length > 0")
        assert await page.evaluate("JSON.parse(messages[0]).done.turn") == 90
        await page.wait_for(f"(async () => (await {DECODED}) > 30)()")
