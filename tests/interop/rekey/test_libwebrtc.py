"""RFC 5763 section 6.8 with libwebrtc, which follows a new fingerprint with a new association."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.peers.marks import EVERYTHING, peer_parameters
from tests.support.peers.negotiated_session import Report, negotiated_session
from tests.support.peers.rekeys import LONGEST_GAP, SPARED, Change, baseline, gaps, record, rekey
from tests.support.peers.third_party import ThirdParty
from tests.support.project.tools import ROOT

LIBWEBRTC = (ThirdParty.CHROMIUM, ThirdParty.WRTC, ThirdParty.PYTHON_WEBRTC)
PEERS = tuple(name.value for name in LIBWEBRTC)
REKEYS = 20 if EVERYTHING else 10
#: Pictures of each stretch without a change, as many as come during the rekeys of one kind.
STILL = 10 * REKEYS
KINDS = PLAIN, RESTARTED = ("on the path in use", "with an ICE restart")

pytestmark = [
    pytest.mark.conformance("6.8-rekey", "6.6-new", peers=PEERS),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One session.

    Args:
        still: What was counted before the first rekey, between the kinds, and after the last one.
        changes: The rekeys, by kind.
    """

    still: tuple[Report, ...]
    changes: Mapping[str, tuple[Change, ...]]


@pytest.fixture(scope="module", params=peer_parameters(LIBWEBRTC))
def story(request: pytest.FixtureRequest) -> Story:
    """A session with each such peer, through all rekeys."""
    return asyncio.run(_tell(request.param, ROOT / "artifacts"))


async def _tell(name: ThirdParty, folder: Path) -> Story:
    async with negotiated_session(name) as session:
        await session.open()
        still = [await baseline(session, STILL)]
        changes = {}
        for what in KINDS:
            restarts = what == RESTARTED
            made = [await rekey(session, ice_restart=restarts) for _ in range(REKEYS)]
            changes[what] = tuple(made)
            still.append(await baseline(session, STILL))
        record(folder, name, session.peer.version, still, changes)
        return Story(still=tuple(still), changes=changes)


@pytest.fixture(params=KINDS)
def changes(request: pytest.FixtureRequest, story: Story) -> tuple[Change, ...]:
    """The rekeys of one kind."""
    return story.changes[request.param]


def test_the_keys_change_every_time(changes: tuple[Change, ...]) -> None:
    results = [each.result for each in changes]
    assert [result for result in results if result is None or not result.changed] == []


def test_each_rekey_has_a_certificate_and_a_handshake_of_its_own(
    changes: tuple[Change, ...],
) -> None:
    assert len({each.exchange.fingerprint for each in changes}) == REKEYS
    first = changes[0].handshakes
    assert [each.handshakes for each in changes] == list(range(first, first + REKEYS))


def test_the_pictures_at_the_peer_have_no_gap_that_anybody_sees(
    story: Story, changes: tuple[Change, ...]
) -> None:
    at_peer, _ = gaps(changes, story.still)
    assert len(at_peer.too_long) <= SPARED, at_peer.too_long
    assert at_peer.typical < LONGEST_GAP


def test_the_pictures_at_ours_have_no_gap_that_anybody_sees(
    story: Story, changes: tuple[Change, ...]
) -> None:
    _, at_ours = gaps(changes, story.still)
    assert len(at_ours.too_long) <= SPARED, at_ours.too_long
    assert at_ours.typical < LONGEST_GAP


def test_data_channel_messages_come_back_after_each_rekey(changes: tuple[Change, ...]) -> None:
    assert [each for each in changes if not each.echoed] == []


@pytest.mark.conformance("6.7.1-restart", peers=PEERS)
def test_ice_restarts_where_that_was_asked_for_and_only_there(story: Story) -> None:
    ufrags = {what: [each.exchange.ufrags for each in made] for what, made in story.changes.items()}
    assert len({ours for ours, _ in ufrags[PLAIN]}) == 1
    assert len({ours for ours, _ in ufrags[RESTARTED]}) == REKEYS
    assert len({theirs for _, theirs in ufrags[RESTARTED]}) == REKEYS
