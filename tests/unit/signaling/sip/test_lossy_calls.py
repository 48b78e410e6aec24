"""SIP calls whose ends act by chance over a lossy, doubling, reordering link: all end alike."""

from __future__ import annotations

import os

import pytest

from signaling.sip.session_state import SessionState
from tests.support.sip.chaos import Chaos

#: Seeds that run here; SIP_SEEDS=5000 runs more by hand.
SEEDS = range(int(os.environ.get("SIP_SEEDS", "60")))


@pytest.mark.parametrize("seed", SEEDS)
def test_both_ends_of_lossy_sip_calls_agree_and_nothing_is_kept(seed: int) -> None:
    chaos = Chaos(seed, loss=0.2)
    chaos.run(steps=25)
    for caller, called in chaos.twins():
        pair = {caller.state, called.state}
        assert len(pair) == 1, f"{caller.dialog.id}: {caller.state} and {called.state}"
    for session in chaos.sessions:
        assert session.state in (SessionState.CONFIRMED, SessionState.ENDED)
    chaos.hang_up()
    assert chaos.pair.kept == {}
    # An end that goes on with a call after the other one's BYE would be ended by something later.
    assert [code for code in chaos.answers_to("BYE") if code not in (200, 481)] == []
    assert {session.state for session in chaos.sessions} <= {SessionState.ENDED}
    assert set(chaos.ends_told().values()) <= {1}
