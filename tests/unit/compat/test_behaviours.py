"""Each row of the table of docs/COMPAT.md is what aiortc does, and what we do."""

from __future__ import annotations

import aiortc
import pytest

import peer.compat
from tests.support.compat.behaviours import BEHAVIOURS, Behaviour, Verdict, documented, table

ROWS = [pytest.param(each, id=each.observe.__name__) for each in BEHAVIOURS]


@pytest.mark.parametrize("behaviour", ROWS)
async def test_behaviour_of_aiortc_is_as_documented(behaviour: Behaviour) -> None:
    assert await behaviour.observe(aiortc) == behaviour.aiortc


@pytest.mark.parametrize("behaviour", ROWS)
async def test_behaviour_of_compat_is_as_documented(behaviour: Behaviour) -> None:
    assert await behaviour.observe(peer.compat) == behaviour.expected


@pytest.mark.parametrize("behaviour", ROWS)
def test_behaviour_that_differs_on_purpose_has_a_reason(behaviour: Behaviour) -> None:
    assert behaviour.why or behaviour.verdict is not Verdict.DIFFERENT
    assert (behaviour.ours is None) is (behaviour.verdict is Verdict.SAME)


def test_table_of_behaviours_stands_in_the_documentation() -> None:
    assert documented() == table()
