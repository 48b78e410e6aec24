"""RFC 5763 section 6.8 with libwebrtc, which follows a new fingerprint with a new association."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.foreign import ForeignName, open_stage
from tests.support.foreign_marks import peer_parameters
from tests.support.parley import medium_of, parley
from tests.support.rekeys import Change, baseline, record, rekey
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

LIBWEBRTC = (ForeignName.CHROMIUM, ForeignName.WRTC)
PEERS = tuple(name.value for name in LIBWEBRTC)
REKEYS = 20
#: Seconds.
LONGEST_GAP = 0.1
PLAIN, RESTARTED = "by itself", "with an ICE restart"

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.conformance("6.8-rekey", "6.6-new", peers=PEERS),
]


@pytest.fixture(scope="module", params=peer_parameters(LIBWEBRTC))
def story(request: pytest.FixtureRequest) -> Mapping[str, list[Change]]:
    """All changes of one session with such a peer."""
    return asyncio.run(_tell(request.param, ROOT / "artifacts"))


async def _tell(name: ForeignName, folder: Path) -> Mapping[str, list[Change]]:
    async with (
        open_stage(name) as open_peer,
        open_peer() as peer,
        parley(peer, medium_of(name)) as session,
    ):
        await session.open()
        still = await baseline(session)
        changes: dict[str, list[Change]] = {PLAIN: [], RESTARTED: []}
        for what, made in changes.items():
            for _ in range(REKEYS):
                made.append(await rekey(session, ice_restart=what == RESTARTED))
        record(folder, name, peer.version, still, changes)
        return changes


@pytest.fixture(params=[PLAIN, RESTARTED])
def changes(request: pytest.FixtureRequest, story: Mapping[str, list[Change]]) -> list[Change]:
    """The rekeys of one kind."""
    return story[request.param]


def test_the_keys_change_every_time(changes: list[Change]) -> None:
    results = [each.result for each in changes]
    assert [result for result in results if result is None or not result.changed] == []


def test_each_rekey_has_a_certificate_and_a_handshake_of_its_own(changes: list[Change]) -> None:
    assert len({each.exchange.fingerprint for each in changes}) == REKEYS
    first = changes[0].handshakes
    assert [each.handshakes for each in changes] == list(range(first, first + REKEYS))


def test_the_pictures_at_the_peer_have_no_gap_that_anybody_sees(changes: list[Change]) -> None:
    gaps = [each.report.peer.longest_gap for each in changes]
    assert [gap for gap in gaps if gap >= LONGEST_GAP] == []


def test_the_pictures_at_ours_have_no_gap_that_anybody_sees(changes: list[Change]) -> None:
    gaps = [each.report.ours.longest_gap for each in changes]
    assert [gap for gap in gaps if gap >= LONGEST_GAP] == []


def test_messages_come_back_after_each(changes: list[Change]) -> None:
    assert [each for each in changes if not each.echoed] == []


@pytest.mark.conformance("6.7.1-restart", peers=PEERS)
def test_ice_restarts_where_that_was_asked_for_and_only_there(
    story: Mapping[str, list[Change]],
) -> None:
    ufrags = {what: [each.exchange.ufrags for each in made] for what, made in story.items()}
    assert len({ours for ours, _ in ufrags[PLAIN]}) == 1
    assert len({ours for ours, _ in ufrags[RESTARTED]}) == REKEYS
    assert len({theirs for _, theirs in ufrags[RESTARTED]}) == REKEYS
