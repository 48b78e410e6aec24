"""A recording of a browser behind a link that loses one packet in twenty."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.browser.flash_page import BROWSERS, Source, lossy_flash_call
from tests.support.media.takes import EXACT, SECONDS, Take, are_together, show, taking

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = [pytest.mark.timeout(300 + 4 * SECONDS), pytest.mark.needs("ffmpeg")]

LOSS = 0.05
#: Seconds after which all that is recorded has begun.
BEGUN = 1.0
FILES = {"VP8": "webm", "VP9": "mp4", "AV1": "mkv"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One session: the recordings by file, and how many packets of media were lost."""

    takes: Mapping[str, Take]
    lost: int


@pytest.fixture(scope="module", params=BROWSERS)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return asyncio.run(_tell(request.param, tmp_path_factory.mktemp(request.param)))


async def _tell(name: BrowserName, folder: Path) -> Story:
    sources = [Source(), *(Source(codec=codec) for codec in FILES)]
    async with open_browser(name) as browser, lossy_flash_call(browser, sources) as (call, relay):
        sound, *pictures = call.receivers
        shown = zip(FILES.items(), pictures, strict=True)
        files = {folder / f"{codec}.{suffix}": (sound, each) for (codec, suffix), each in shown}
        await call.begin()
        async with taking(files) as made:
            # Pictures that come late have a file of their own, and test_late.py.
            await made.last(BEGUN)
            relay.loss = LOSS
            await made.last(SECONDS)
        relay.loss = 0
    return Story(takes=made.takes, lost=sum(relay.lost_rtp.values()))


@pytest.fixture(params=[f"{codec}.{suffix}" for codec, suffix in FILES.items()])
def take(request: pytest.FixtureRequest, story: Story) -> Take:
    return story.takes[request.param]


def test_lossy_call_lost_packets_and_left_gaps(story: Story) -> None:
    assert story.lost > SECONDS
    assert min(take.stats.gaps for take in story.takes.values()) > 0


def test_lossy_call_is_recorded_completely_in_a_valid_file(take: Take) -> None:
    assert take.failures == ()
    assert take.errors() == []
    assert len(take.paths) == 1
    assert take.duration() == pytest.approx(take.lasted, abs=EXACT)


def test_flash_and_beep_are_together_at_the_start_and_at_the_end(take: Take) -> None:
    found = take.offsets()
    show({take.name: found})
    assert len(found) >= SECONDS - 2
    assert are_together(found)
