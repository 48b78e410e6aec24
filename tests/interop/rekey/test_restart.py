"""RFC 5763 section 6.7.1 with stacks of others: ICE restarts, and DTLS goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.support.foreign import ForeignName, open_stage
from tests.support.foreign_marks import peer_parameters
from tests.support.parley import Exchange, medium_of, parley
from tests.support.rekeys import Change, restart

#: libdatachannel refuses a restart, GStreamer knows none.
RESTARTERS = (
    ForeignName.CHROMIUM,
    ForeignName.FIREFOX,
    ForeignName.WRTC,
    ForeignName.PION,
    ForeignName.WERIFT,
)
#: Seconds.
LONGEST_GAP = 0.1
BY_PEER, BY_US = "the peer restarts", "we restart"
TIMES = 2

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.conformance("6.7.1-restart", peers=tuple(name.value for name in RESTARTERS)),
]


@pytest.fixture(scope="module", params=peer_parameters(RESTARTERS))
def session(request: pytest.FixtureRequest) -> tuple[Exchange, Mapping[str, list[Change]]]:
    """How one session opened, and all its restarts."""
    return asyncio.run(_tell(request.param))


async def _tell(name: ForeignName) -> tuple[Exchange, Mapping[str, list[Change]]]:
    async with (
        open_stage(name) as open_peer,
        open_peer() as peer,
        parley(peer, medium_of(name)) as session,
    ):
        opening = await session.open()
        return opening, {
            what: [await restart(session, by_peer=what == BY_PEER) for _ in range(TIMES)]
            for what in (BY_PEER, BY_US)
        }


@pytest.fixture(params=[BY_PEER, BY_US])
def restarts(
    request: pytest.FixtureRequest, session: tuple[Exchange, Mapping[str, list[Change]]]
) -> list[Change]:
    """The restarts of one side, in a row."""
    return session[1][request.param]


def test_each_restart_has_new_names_at_both_ends(
    session: tuple[Exchange, Mapping[str, list[Change]]],
) -> None:
    opening, changes = session
    exchanges = [opening, *(each.exchange for made in changes.values() for each in made)]
    for names in zip(*(each.ufrags for each in exchanges), strict=True):
        assert len(set(names)) == 1 + 2 * TIMES


def test_the_handshake_stays_the_only_one(restarts: list[Change]) -> None:
    assert [each.handshakes for each in restarts] == [1] * TIMES


def test_media_has_no_gap_that_anybody_notices(restarts: list[Change]) -> None:
    gaps = [
        gap
        for each in restarts
        for gap in (each.report.peer.longest_gap, each.report.ours.longest_gap)
    ]
    assert [gap for gap in gaps if gap >= LONGEST_GAP] == []


def test_messages_come_back(restarts: list[Change]) -> None:
    assert [each for each in restarts if not each.echoed] == []
