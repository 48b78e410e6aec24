"""The state tables of SIP's transactions: they are whole, and every timer in them can run."""

from __future__ import annotations

import pytest

from signaling.sip.transactions.tables import (
    FIRST_STATES,
    STARTED_TIMERS,
    TABLES,
    TransactionKind,
    TransactionState,
    TransactionTimer,
    TransactionTimes,
)

KINDS = list(TransactionKind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_of_a_sip_transaction_is_reached_and_can_end(kind: TransactionKind) -> None:
    table = TABLES[kind]
    reached, todo = set(), [FIRST_STATES[kind]]
    while todo:
        state = todo.pop()
        if state not in reached:
            reached.add(state)
            todo += [following for following, _ in table.get(state, {}).values()]
    assert reached == {*table, TransactionState.TERMINATED}


@pytest.mark.parametrize("kind", KINDS)
def test_every_timer_that_a_sip_transaction_starts_has_a_row(kind: TransactionKind) -> None:
    for state, timers in STARTED_TIMERS[kind].items():
        assert set(timers) <= set(TABLES[kind][state])


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_of_a_sip_transaction_but_those_of_its_user_has_a_timer(
    kind: TransactionKind,
) -> None:
    # A server waits for its user.
    unbounded = {
        (TransactionKind.SERVER, TransactionState.TRYING),
        (TransactionKind.SERVER, TransactionState.PROCEEDING),
    }
    for state in TABLES[kind]:
        assert STARTED_TIMERS[kind].get(state) or (kind, state) in unbounded


def test_sip_timers_that_absorb_take_no_time_over_a_reliable_transport() -> None:
    times = TransactionTimes()
    expected = {"D": 0.0, "I": 0.0, "J": 0.0, "K": 0.0, "A": None, "E": None, "G": None}
    for letter, seconds in expected.items():
        assert times.first(TransactionTimer[letter], reliable=True) == seconds


def test_sip_timers_over_udp_are_those_of_rfc_3261_table_4() -> None:
    times = TransactionTimes()
    expected = {"A": 0.5, "B": 32, "D": 32, "E": 0.5, "F": 32, "G": 0.5, "H": 32}
    expected |= {"I": 5, "J": 32, "K": 5, "L": 32, "M": 32}
    for letter, seconds in expected.items():
        assert times.first(TransactionTimer[letter], reliable=False) == seconds
