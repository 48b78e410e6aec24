"""RFC 5763 section 6.7.1 with stacks of others: ICE restarts, and DTLS goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from tests.support.peers.marks import peer_parameters
from tests.support.peers.negotiated_session import Exchange, Report, negotiated_session
from tests.support.peers.rekeys import SPARED, Change, baseline, gaps, restart
from tests.support.peers.third_party import ThirdParty

#: libdatachannel refuses a restart, GStreamer knows none.
RESTARTERS = (
    ThirdParty.CHROMIUM,
    ThirdParty.FIREFOX,
    ThirdParty.WRTC,
    ThirdParty.PION,
    ThirdParty.WERIFT,
    ThirdParty.PYTHON_WEBRTC,
)
KINDS = BY_PEER, BY_US = ("the peer restarts", "we restart")
TIMES = 3

pytestmark = [
    pytest.mark.conformance("6.7.1-restart", peers=tuple(name.value for name in RESTARTERS)),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One session: how it opened, what was counted before and after the restarts, these by kind."""

    opening: Exchange
    still: tuple[Report, Report]
    changes: Mapping[str, tuple[Change, ...]]


@pytest.fixture(scope="module", params=peer_parameters(RESTARTERS))
def story(request: pytest.FixtureRequest) -> Story:
    """A session with each such peer, through all restarts."""
    return asyncio.run(_tell(request.param))


async def _tell(name: ThirdParty) -> Story:
    async with negotiated_session(name) as session:
        opening = await session.open()
        before = await baseline(session)
        changes = {}
        for what in KINDS:
            made = [await restart(session, by_peer=what == BY_PEER) for _ in range(TIMES)]
            changes[what] = tuple(made)
        after = await baseline(session, 20)
        return Story(opening=opening, still=(before, after), changes=changes)


@pytest.fixture(params=KINDS)
def restarts(request: pytest.FixtureRequest, story: Story) -> tuple[Change, ...]:
    """The restarts of one side, in a row."""
    return story.changes[request.param]


def test_each_ice_restart_has_new_ufrags_at_both_ends(story: Story) -> None:
    made = [each.exchange for changes in story.changes.values() for each in changes]
    for names in zip(*(each.ufrags for each in (story.opening, *made)), strict=True):
        assert len(set(names)) == 1 + 2 * TIMES


def test_the_handshake_stays_the_only_one(restarts: tuple[Change, ...]) -> None:
    assert [each.handshakes for each in restarts] == [1] * TIMES


def test_ice_restart_leaves_no_noticeable_gap_in_media(
    story: Story, restarts: tuple[Change, ...]
) -> None:
    for each in gaps(restarts, story.still):
        assert len(each.too_long) <= SPARED, each.too_long


def test_data_channel_messages_come_back_after_ice_restarts(restarts: tuple[Change, ...]) -> None:
    assert [each for each in restarts if not each.echoed] == []
