"""pipecat-ai 1.14 on `peer.compat`: a pipeline over its SmallWebRTC transport."""

from __future__ import annotations

import pytest

from tests.support.dependants.calling_page import ENERGY, call, page_of
from tests.support.dependants.environments import DEPENDANTS
from tests.support.dependants.program import PROGRAMS, DependantProgram

pytestmark = [pytest.mark.long, pytest.mark.browser("chromium"), pytest.mark.timeout(600)]


async def test_pipecat_hears_a_page_answers_it_and_notices_its_end() -> None:
    command = [str(PROGRAMS / "pipecat_echo.py")]
    async with DependantProgram(DEPENDANTS["pipecat-ai"], command) as program:
        async with page_of(f"{await program.address()}/docs") as page:
            await call(page, "/offer", send=("audio",), channel="messages")
            assert await program.told("connected")
            await page.evaluate("opened")
            message = '{type: "note", text: "hello"}'
            await page.evaluate(f"channel.send(JSON.stringify({message}))")
            assert (await program.told("message"))["text"] == "hello"
            await page.wait_for("messages.some((each) => each.includes('echo'))")
            assert await program.told("heard") == 50
            # Chromium's false microphone beeps.
            await page.wait_for(f"(async () => (await {ENERGY}) > 0)()")
        assert await program.told("disconnected")
