"""fastrtc 0.0.34 on `peer.compat`: a stream of pictures through a function of Python."""

from __future__ import annotations

import pytest

from tests.support.dependants.calling_page import DECODED, call, page_of
from tests.support.dependants.environments import DEPENDANTS
from tests.support.dependants.program import PROGRAMS, DependantProgram

pytestmark = [pytest.mark.long, pytest.mark.browser("chromium"), pytest.mark.timeout(600)]


async def test_fastrtc_sends_each_picture_of_a_page_back_changed() -> None:
    command = [str(PROGRAMS / "fastrtc_flip.py")]
    async with (
        DependantProgram(DEPENDANTS["fastrtc"], command) as program,
        page_of(f"{await program.address()}/docs") as page,
    ):
        body = {"webrtc_id": "one"}
        await call(page, "/webrtc/offer", send=("video",), channel="text", body=body)
        # The handler of fastrtc runs once its page has given it what else it takes.
        await page.evaluate("fetch('/input')")
        assert await program.told("pictures") >= 20
        await page.wait_for(f"(async () => (await {DECODED}) > 60)()")
        assert await page.evaluate("pc.connectionState") == "connected"
        assert await page.evaluate("opened")
