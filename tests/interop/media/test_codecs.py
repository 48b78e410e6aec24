"""Every codec that a browser and we have in common, both ways, by what is seen and heard."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from tests.support.browser.browsers import BrowserName
from tests.support.browser.media_page import MediaCall, Subject, Wish, media_call

_S = Subject
_AUDIO = {
    "opus": (_S.DO, _S.SO),
    "PCMU": (_S.RE, _S.FA),
    "PCMA": (_S.MI, _S.RE),
    "G722": (_S.FA, _S.DO),
}
_VIDEO = {"VP8": (_S.RED, _S.GREEN), "VP9": (_S.BLUE, _S.YELLOW), "AV1": (_S.YELLOW, _S.RED)}
#: What the browser sends and what we send, by codec. Firefox has H264 by a plug-in that it fetches
#: from its maker, and tests let nothing leave the machine.
CODECS = {
    BrowserName.CHROMIUM: {**_VIDEO, "H264": (_S.GREEN, _S.BLUE), **_AUDIO},
    BrowserName.FIREFOX: {**_VIDEO, **_AUDIO},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What arrived, by m-section; and the codecs in use, sorted, as the browser tells."""

    here: list[Subject | None]
    there: list[Subject | None]
    sent: list[str]
    received: list[str]


@pytest.fixture(
    scope="module",
    params=[pytest.param(b, marks=pytest.mark.browser(b.value)) for b in BrowserName],
)
def browser_name(request: pytest.FixtureRequest) -> BrowserName:
    return BrowserName(request.param)


@pytest.fixture(scope="module")
def story(browser_name: BrowserName) -> Story:
    """One session with an m-section for each codec."""
    return asyncio.run(_tell(browser_name))


async def _tell(name: BrowserName) -> Story:
    codecs = CODECS[name]
    theirs, ours = ([pair[i] for pair in codecs.values()] for i in (0, 1))
    async with media_call(name) as call:
        wishes = [Wish(subject=s, codec=c) for c, s in zip(codecs, theirs, strict=True)]
        await call.be_offered(wishes, ours)
        return Story(
            here=await call.seen_here(theirs),
            there=await call.seen_there(ours),
            sent=await _codecs(call, "outbound-rtp"),
            received=await _codecs(call, "inbound-rtp"),
        )


async def _codecs(call: MediaCall, direction: str) -> list[str]:
    names = {each["id"]: each["mimeType"] for each in await call.stats("codec")}
    found = [names[each["codecId"]] for each in await call.stats(direction)]
    return sorted(name.partition("/")[2] for name in found)


def test_media_of_the_browser_is_decoded_here(browser_name: BrowserName, story: Story) -> None:
    assert story.here == [theirs for theirs, _ in CODECS[browser_name].values()]


def test_our_media_is_decoded_by_the_browser(browser_name: BrowserName, story: Story) -> None:
    assert story.there == [ours for _, ours in CODECS[browser_name].values()]


def test_browser_uses_each_codec_in_both_directions(
    browser_name: BrowserName, story: Story
) -> None:
    every = sorted(CODECS[browser_name])
    assert (story.sent, story.received) == (every, every)
