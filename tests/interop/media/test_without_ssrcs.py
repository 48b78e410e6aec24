"""RFC 8843 section 9.2 with browsers: no description says whose stream is whose."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

import pytest

from peer.rtp.header_extensions import MID, RID
from tests.support.browser.browsers import Browser, BrowserName, open_browser
from tests.support.browser.media_page import MediaCall, Subject, Wish, call_in
from tests.support.media.media_edits import one_rid_each, without_mids, without_ssrcs
from tests.support.rtp.extension_sink import ExtensionSink

pytestmark = pytest.mark.timeout(150)

_S = Subject
THEIRS = [_S.RED, _S.DO, _S.BLUE, _S.MI]
OURS = [_S.GREEN, _S.RE, _S.YELLOW, _S.FA]
#: Of the pictures, by m-section. Two are offered for each; one is accepted.
RIDS = {"0": "left", "2": "right"}
KINDS = BY_MID, BY_RID, BY_BOTH = ("by MID", "by RID", "by MID and RID")
_WISHES = [
    Wish(subject=each, rids=(RIDS[mid], "small") if mid in RIDS else ())
    for mid, each in zip("0123", THEIRS, strict=True)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What arrived, by m-section, and what the packets of its pictures said.

    Args:
        kind: How packets name their m-section.
        offer: The browser's, as it reached us.
        mids: In the packets of pictures.
        rids: In the packets of pictures.
    """

    kind: str
    offer: str
    here: list[Subject | None]
    there: list[Subject | None]
    mids: set[str]
    rids: set[str]


@pytest.fixture(
    scope="module",
    params=[pytest.param(b, marks=pytest.mark.browser(b.value)) for b in BrowserName],
)
def stories(request: pytest.FixtureRequest) -> dict[str, Story]:
    """A session of each kind."""
    return asyncio.run(_tell_all(request.param))


@pytest.fixture(params=KINDS)
def story(request: pytest.FixtureRequest, stories: dict[str, Story]) -> Story:
    """One of them."""
    return stories[request.param]


async def _tell_all(name: str) -> dict[str, Story]:
    async with open_browser(name) as browser:
        return {kind: await _tell(browser, kind) for kind in KINDS}


async def _tell(browser: Browser, kind: str) -> Story:
    sink = ExtensionSink()
    async with call_in(browser, trace=sink) as call:
        await _agree(call, kind)
        here, there = await call.seen_here(THEIRS), await call.seen_there(OURS)
        videos = {
            each["ssrc"] for each in await call.stats("outbound-rtp") if each["kind"] == "video"
        }

        def said(uri: str) -> set[str]:
            number = _id(call.there.sdp, uri)
            found = {} if number is None else sink.values(number)
            return {v.decode() for ssrc in videos for v in found.get(ssrc, ())}

        return Story(
            kind=kind,
            offer=call.there.sdp,
            here=here,
            there=there,
            mids=said(MID),
            rids=said(RID),
        )


async def _agree(call: MediaCall, kind: str) -> None:
    if kind == BY_MID:
        await call.be_offered(THEIRS, OURS, edit=without_ssrcs)
        return
    accept = one_rid_each(RIDS)
    # Our own packets have no RID, so without MID they need what the answer says of them.
    without = without_mids if kind == BY_RID else without_ssrcs
    await call.be_offered(
        _WISHES, OURS, edit=without_ssrcs, edit_answer=lambda sdp: accept(without(sdp))
    )


def _id(sdp: str, uri: str) -> int | None:
    found = re.search(rf"a=extmap:(\d+)\S* {re.escape(uri)}", sdp)
    return None if found is None else int(found.group(1))


def test_the_descriptions_name_no_stream(story: Story) -> None:
    assert "a=ssrc" not in story.offer


def test_each_arrives_at_our_receiver_of_it(story: Story) -> None:
    assert story.here == THEIRS


def test_each_arrives_at_the_browsers_receiver_of_it(story: Story) -> None:
    assert story.there == OURS


def test_the_packets_said_what_they_were_to_be_known_by(story: Story) -> None:
    assert story.mids == (set() if story.kind == BY_RID else set(RIDS))
    assert story.rids == (set() if story.kind == BY_MID else set(RIDS.values()))
