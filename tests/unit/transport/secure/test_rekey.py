"""The state table of a rekey."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peer.transport.secure.rekey import (
    TABLE,
    RekeyAction,
    RekeyInput,
    RekeyPhase,
    UnexpectedInputError,
    step,
)

I, P, A = RekeyInput, RekeyPhase, RekeyAction  # noqa: E741 - read beside each other, a hundred times


def walk(*inputs: RekeyInput) -> tuple[RekeyPhase, list[RekeyAction]]:
    """From the beginning, through these inputs."""
    phase = P.IDLE
    done: list[RekeyAction] = []
    for each in inputs:
        phase, actions = step(phase, each)
        done += actions
    return phase, done


@pytest.mark.parametrize(
    ("inputs", "phase", "actions"),
    [
        # The client switches at its own completion, the server when it hears the client.
        ([I.PREPARED, I.COMPLETED_AS_CLIENT], P.SWITCHING, [A.SEND_NEW, A.PROBE]),
        (
            [I.PREPARED, I.COMPLETED_AS_CLIENT, I.AUTHENTICATED],
            P.RETIRING,
            [A.SEND_NEW, A.PROBE, A.COMPLETE],
        ),
        ([I.PREPARED, I.COMPLETED_AS_SERVER], P.AWAITING_CONFIRMATION, []),
        (
            [I.PREPARED, I.COMPLETED_AS_SERVER, I.AUTHENTICATED],
            P.RETIRING,
            [A.SEND_NEW, A.PROBE, A.COMPLETE],
        ),
        # Or at once, where the peer has closed the old one: before the handshake, or after.
        (
            [I.PREPARED, I.PEER_CLOSED_OLD, I.COMPLETED_AS_SERVER],
            P.SWITCHING_WITHOUT_FALLBACK,
            [A.QUEUE, A.SEND_NEW, A.PROBE],
        ),
        (
            [I.PREPARED, I.PEER_CLOSED_OLD, I.COMPLETED_AS_CLIENT],
            P.SWITCHING_WITHOUT_FALLBACK,
            [A.QUEUE, A.SEND_NEW, A.PROBE],
        ),
        (
            [I.PREPARED, I.COMPLETED_AS_SERVER, I.PEER_CLOSED_OLD],
            P.SWITCHING_WITHOUT_FALLBACK,
            [A.SEND_NEW, A.PROBE],
        ),
        # The next one comes to nothing, and the old one is there.
        ([I.PREPARED, I.TIMED_OUT], P.IDLE, [A.KEEP_OLD]),
        ([I.PREPARED, I.FAILED], P.IDLE, [A.KEEP_OLD]),
        ([I.PREPARED, I.COMPLETED_AS_SERVER, I.TIMED_OUT], P.IDLE, [A.KEEP_OLD]),
        ([I.PREPARED, I.COMPLETED_AS_SERVER, I.FAILED], P.IDLE, [A.KEEP_OLD]),
        (
            [I.PREPARED, I.COMPLETED_AS_CLIENT, I.FAILED],
            P.IDLE,
            [A.SEND_NEW, A.PROBE, A.KEEP_OLD],
        ),
        # Or the old one is closed.
        ([I.PREPARED, I.PEER_CLOSED_OLD, I.TIMED_OUT], P.ENDED, [A.QUEUE, A.END]),
        ([I.PREPARED, I.PEER_CLOSED_OLD, I.FAILED], P.ENDED, [A.QUEUE, A.END]),
        ([I.PREPARED, I.PEER_CLOSED_OLD, I.DROPPED], P.ENDED, [A.QUEUE, A.END]),
        # A client that hears nothing has seen the server's Finished.
        (
            [I.PREPARED, I.COMPLETED_AS_CLIENT, I.TIMED_OUT],
            P.RETIRING,
            [A.SEND_NEW, A.PROBE, A.COMPLETE],
        ),
        # The descriptions go back, or on.
        ([I.PREPARED, I.DROPPED], P.IDLE, [A.DISCARD]),
        ([I.PREPARED, I.REMADE, I.PREPARED], P.HANDSHAKING, [A.DISCARD]),
        ([I.PREPARED, I.SUPERSEDED, I.PREPARED], P.HANDSHAKING, [A.KEEP_OLD]),
        (
            [I.PREPARED, I.COMPLETED_AS_CLIENT, I.SUPERSEDED, I.PREPARED],
            P.HANDSHAKING,
            [A.SEND_NEW, A.PROBE, A.COMPLETE],
        ),
        (
            [I.PREPARED, I.COMPLETED_AS_SERVER, I.SUPERSEDED, I.PREPARED],
            P.HANDSHAKING,
            [A.SEND_NEW, A.PROBE, A.COMPLETE],
        ),
        # One after the other.
        (
            [I.PREPARED, I.COMPLETED_AS_SERVER, I.AUTHENTICATED, I.PREPARED, I.ALL_RETIRED],
            P.HANDSHAKING,
            [A.SEND_NEW, A.PROBE, A.COMPLETE],
        ),
        (
            [I.PREPARED, I.COMPLETED_AS_SERVER, I.AUTHENTICATED, I.ALL_RETIRED],
            P.IDLE,
            [A.SEND_NEW, A.PROBE, A.COMPLETE],
        ),
    ],
    ids=lambda value: (
        " -> ".join(each.name for each in value) if isinstance(value, list) else value.name
    ),
)
def test_rekey_inputs_lead_to_phase_and_actions(
    inputs: list[RekeyInput], phase: RekeyPhase, actions: list[RekeyAction]
) -> None:
    reached, done = walk(*inputs)

    assert reached is phase
    assert done == actions


@pytest.mark.parametrize(
    "phase", [phase for phase in RekeyPhase if phase not in (P.IDLE, P.RETIRING, P.ENDED)]
)
def test_mismatch_ends_the_rekey_in_every_phase(phase: RekeyPhase) -> None:
    assert step(phase, I.MISMATCH) == (P.ENDED, (A.END,))


@pytest.mark.parametrize("happened", list(RekeyInput))
def test_ended_rekey_accepts_no_input(happened: RekeyInput) -> None:
    with pytest.raises(UnexpectedInputError, match=f"{happened.name} cannot happen in ENDED"):
        step(P.ENDED, happened)


walks = st.lists(st.integers(min_value=0, max_value=999), max_size=40)


@given(walks)
def test_no_walk_through_the_rekey_table_sends_without_keys(choices: list[int]) -> None:
    phase, sends, old_is_open, replaced = P.IDLE, "old", True, 0
    for choice in choices:
        row = TABLE[phase]
        if not row:
            break
        happened = sorted(row, key=lambda each: each.value)[choice % len(row)]
        before = phase
        phase, actions = step(phase, happened)
        if happened is I.PEER_CLOSED_OLD:
            assert old_is_open
            old_is_open = False
        for action in actions:
            match action:
                case A.QUEUE:
                    assert not old_is_open
                    sends = "nothing"
                case A.SEND_NEW:
                    assert sends != "new"
                    sends = "new"
                case A.PROBE:
                    assert sends == "new"
                case A.COMPLETE:
                    assert sends == "new"
                    sends, old_is_open, replaced = "old", True, replaced + 1
                case A.KEEP_OLD | A.DISCARD if old_is_open:
                    sends = "old"
                case A.KEEP_OLD | A.DISCARD:
                    # One more is to come, for which everything waits.
                    assert happened in (I.SUPERSEDED, I.REMADE)
                    assert sends == "nothing"
                case A.END:
                    assert phase is P.ENDED
        assert (phase is P.ENDED) == (A.END in actions), (before, happened)
        assert phase not in (P.IDLE, P.RETIRING) or (sends, old_is_open) == ("old", True)
        assert phase not in (P.SWITCHING, P.SWITCHING_WITHOUT_FALLBACK) or sends == "new"
        assert phase not in (P.AWAITING_CONFIRMATION, P.HANDSHAKING) or (sends, old_is_open) == (
            "old",
            True,
        )


def test_every_rekey_phase_can_be_reached_and_left() -> None:
    reached = {P.IDLE}
    for _ in RekeyPhase:
        reached |= {to for phase in reached for to, _ in TABLE[phase].values()}

    assert reached == set(RekeyPhase)
    assert [phase for phase in RekeyPhase if not TABLE[phase]] == [P.ENDED]


def test_every_rekey_input_and_action_is_used() -> None:
    rows = [row for rows in TABLE.values() for row in rows.items()]

    assert {happened for happened, _ in rows} == set(RekeyInput)
    actions = itertools.chain.from_iterable(actions for _, (_, actions) in rows)
    assert set(actions) == set(RekeyAction)
