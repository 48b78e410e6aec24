"""One recording of a browser through new keys, where it follows, and through an ICE restart."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.browser.flash_page import BROWSERS, Source, flash_call
from tests.support.media.takes import EXACT, SECONDS, Take, are_together, show, taking

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from peer import RekeyResult

pytestmark = [pytest.mark.timeout(300 + 4 * SECONDS), pytest.mark.needs("ffmpeg")]

FILES = {"VP8": "webm", "VP9": "mp4"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One session.

    Args:
        follows: Whether the browser takes new keys; Firefox keeps those it has.
        rekeyed: What came of them.
        takes: The recordings, by file.
    """

    follows: bool
    rekeyed: RekeyResult
    takes: Mapping[str, Take]


@pytest.fixture(scope="module", params=BROWSERS)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return asyncio.run(_tell(request.param, tmp_path_factory.mktemp(request.param)))


async def _tell(name: BrowserName, folder: Path) -> Story:
    sources = [Source(), *(Source(codec=codec) for codec in FILES)]
    async with open_browser(name) as browser, flash_call(browser, sources) as call:
        sound, *pictures = call.receivers
        shown = zip(FILES.items(), pictures, strict=True)
        files = {folder / f"{codec}.{suffix}": (sound, each) for (codec, suffix), each in shown}
        await call.begin()
        async with taking(files) as made:
            await made.last(SECONDS / 3)
            rekeyed = await call.rekey()
            await made.last(SECONDS * 2 / 3)
            await call.restart()
            await made.last(SECONDS)
    follows = name == BrowserName.CHROMIUM
    return Story(follows=follows, rekeyed=rekeyed, takes=made.takes)


@pytest.fixture(params=[f"{codec}.{suffix}" for codec, suffix in FILES.items()])
def take(request: pytest.FixtureRequest, story: Story) -> Take:
    return story.takes[request.param]


def test_the_keys_changed_where_the_browser_follows(story: Story) -> None:
    assert story.rekeyed.changed is story.follows


def test_recording_through_changes_is_one_valid_file(take: Take) -> None:
    assert take.failures == ()
    assert take.errors() == []
    assert len(take.paths) == 1
    assert take.duration() == pytest.approx(take.lasted, abs=EXACT)


def test_flash_and_beep_are_together_before_and_after(take: Take) -> None:
    found = take.offsets()
    show({take.name: found})
    assert len(found) >= SECONDS - 2
    assert are_together(found)
