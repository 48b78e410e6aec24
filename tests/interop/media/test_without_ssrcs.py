"""RFC 8843 section 9.2 with browsers: no description says whose stream is whose."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from dataclasses import dataclass

import pytest

from peer.rtp.packet import MID, RID, elements
from peer.tracing.events import Datagram, DatagramKind, Direction, TraceEvent
from tests.support.browser.browsers import Browser, BrowserName, open_browser
from tests.support.browser.media_page import MediaCall, Subject, Wish, call_in
from tests.support.media.media_edits import one_rid_each, without_mids, without_ssrcs

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

#: Octets of an RTP header without contributing sources (RFC 3550 section 5.1).
_FIXED_HEADER = 12


class ExtensionSink:
    """Trace sink that notes the header extensions of received RTP, which SRTP leaves in clear.

    Attributes:
        received: By SSRC, the ids and values of all its packets so far.
    """

    wants_data = True

    def __init__(self) -> None:
        self.received: dict[int, set[tuple[int, bytes]]] = defaultdict(set)

    def __call__(self, event: TraceEvent) -> None:
        match event:
            case Datagram(direction=Direction.IN, kind=DatagramKind.SRTP, data=data):
                self._note(data)

    def values(self, number: int) -> dict[int, set[bytes]]:
        """Return the values of one extension id by SSRC."""
        return {
            ssrc: {value for found, value in received if found == number}
            for ssrc, received in self.received.items()
        }

    def _note(self, packet: bytes) -> None:
        # RFC 3550 section 5.3.1: behind the fixed header and the contributing sources.
        at = _FIXED_HEADER + 4 * (packet[0] & 0x0F)
        ssrc = int.from_bytes(packet[8:12])
        if packet[0] & 0x10:
            profile, words = int.from_bytes(packet[at : at + 2]), packet[at + 2 : at + 4]
            extension = packet[at + 4 : at + 4 + 4 * int.from_bytes(words)]
            self.received[ssrc].update(elements(profile, extension).items())


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


def test_descriptions_without_ssrcs_name_no_stream(story: Story) -> None:
    assert "a=ssrc" not in story.offer


def test_browser_streams_without_ssrcs_arrive_at_their_receivers(story: Story) -> None:
    assert story.here == THEIRS


def test_our_streams_without_ssrcs_arrive_at_the_browsers_receivers(story: Story) -> None:
    assert story.there == OURS


def test_packets_without_ssrcs_carry_mid_or_rid(story: Story) -> None:
    assert story.mids == (set() if story.kind == BY_RID else set(RIDS))
    assert story.rids == (set() if story.kind == BY_MID else set(RIDS.values()))
