"""Ten tracks in one session with browsers, both ways: each arrives at its own receiver."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from tests.support.browser.browsers import BrowserName
from tests.support.browser.media_page import Subject, media_call

_S = Subject
PICTURES = [_S.RED, _S.GREEN, _S.BLUE, _S.YELLOW, _S.GREY]
TONES = [_S.DO, _S.RE, _S.MI, _S.FA, _S.SO]
#: By m-section, the kinds mixed, and not in the order of the other side.
THEIRS = [each for both in zip(PICTURES, TONES, strict=True) for each in both]
OURS = [each for both in zip(PICTURES[::-1], TONES[::-1], strict=True) for each in both]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What arrived, by m-section."""

    here: list[Subject | None]
    there: list[Subject | None]


@pytest.fixture(
    scope="module",
    params=[pytest.param(b, marks=pytest.mark.browser(b.value)) for b in BrowserName],
)
def story(request: pytest.FixtureRequest) -> Story:
    """One session with each browser."""
    return asyncio.run(_tell(request.param))


async def _tell(name: str) -> Story:
    async with media_call(name) as call:
        await call.offer(OURS, THEIRS)
        return Story(here=await call.seen_here(THEIRS), there=await call.seen_there(OURS))


def test_ten_tracks_of_the_browser_arrive_at_their_receivers(story: Story) -> None:
    assert story.here == THEIRS


def test_our_ten_tracks_arrive_at_the_browsers_receivers(story: Story) -> None:
    assert story.there == OURS
