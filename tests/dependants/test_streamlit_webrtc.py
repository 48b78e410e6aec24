"""streamlit-webrtc 0.79 on `peer.compat`: its component in a page of Chromium."""

from __future__ import annotations

import pytest

from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.dependants.environments import DEPENDANTS
from tests.support.dependants.program import PROGRAMS, DependantProgram, serves
from tests.support.network.free_ports import free_port

pytestmark = [pytest.mark.long, pytest.mark.browser("chromium"), pytest.mark.timeout(600)]

#: The component lives in a frame of the same origin.
_FRAME = "[...document.querySelectorAll('iframe')].find((each) => each.title.includes('webrtc'))"
_START = f"""(() => {{
  const inside = ({_FRAME})?.contentDocument;
  const start = inside && [...inside.querySelectorAll("button")]
    .find((each) => /start/i.test(each.innerText) && !each.disabled);
  if (!start) return false;
  start.click();
  return true;
}})()"""
_SHOWN = f"""(() => {{
  const video = ({_FRAME})?.contentDocument.querySelector("video");
  return video ? video.getVideoPlaybackQuality().totalVideoFrames : 0;
}})()"""


async def test_streamlit_component_shows_each_picture_changed() -> None:
    port = free_port()
    options = [
        f"--server.port={port}",
        "--server.address=127.0.0.1",
        "--server.headless=true",
        "--browser.gatherUsageStats=false",
        "--server.fileWatcherType=none",
    ]
    command = ["-m", "streamlit", "run", str(PROGRAMS / "streamlit_flip.py"), *options]
    async with DependantProgram(DEPENDANTS["streamlit-webrtc"], command):
        await serves(port)
        async with open_browser(BrowserName.CHROMIUM) as browser:
            page = await browser.open(f"http://127.0.0.1:{port}/")
            await page.wait_for(_START)
            await page.wait_for(f"({_SHOWN}) > 30")
