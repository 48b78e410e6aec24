"""Sound or pictures of a browser that begin in the middle of a recording."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.browser.flash_page import BROWSERS, Source, flash_call
from tests.support.media.takes import EXACT, SECONDS, Take, are_together, show, taking

pytestmark = [pytest.mark.timeout(300 + 4 * SECONDS), pytest.mark.needs("ffmpeg")]

LATE = 0.4 * SECONDS
SUFFIXES = ("webm", "mp4")
SOURCES = (Source(), Source(codec="VP9", is_late=True), Source(is_late=True), Source(codec="VP9"))
Takes = Mapping[str, Take]


@pytest.fixture(scope="module", params=BROWSERS)
def takes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Takes:
    """One session, with recordings of two pairs of tracks."""
    return asyncio.run(_tell(request.param, tmp_path_factory.mktemp(request.param)))


async def _tell(name: BrowserName, folder: Path) -> Takes:
    async with open_browser(name) as browser, flash_call(browser, SOURCES) as call:
        sound, late_pictures, late_sound, pictures = call.receivers
        files = {
            **{folder / f"pictures.{suffix}": (sound, late_pictures) for suffix in SUFFIXES},
            **{folder / f"sound.{suffix}": (late_sound, pictures) for suffix in SUFFIXES},
        }
        await call.begin()
        async with taking(files) as made:
            await made.last(LATE)
            await call.join()
            await made.last(SECONDS)
    return made.takes


@pytest.fixture(
    params=[f"{what}.{suffix}" for what in ("pictures", "sound") for suffix in SUFFIXES]
)
def take(request: pytest.FixtureRequest, takes: Takes) -> Take:
    return takes[request.param]


def test_late_tracks_are_recorded_completely_in_a_valid_file(take: Take) -> None:
    assert take.failures == ()
    assert take.errors() == []
    assert take.codecs() == ["opus", "vp9"]
    assert take.duration() == pytest.approx(take.lasted, abs=EXACT)


def test_flash_and_beep_are_together_from_the_first_to_the_last(take: Take) -> None:
    found = take.offsets()
    show({take.name: found})
    assert len(found) >= SECONDS - LATE - 2
    assert are_together(found)
