"""Words the result of a session in one sentence. PURE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from handfast.trace import associations, descriptions
from handfast.trace.rows import Mood
from handfast.trace.words import abbreviated, clean, counted, milliseconds, protection
from peer.tracing.events import (
    AssociationRetired,
    Described,
    Direction,
    Failed,
    HandshakeCompleted,
    KeysSwitched,
    MediaUnencrypted,
    PathSelected,
    SdesKeysUsed,
    StateChanged,
)
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.tracing.events import TraceEvent

_Ends = Sequence[tuple[str, Sequence["TraceEvent"]]]

_TIMES: Final = {1: "once", 2: "twice"}


def verdict(ends: _Ends) -> tuple[str, Mood]:
    """Judge a session by the name and the events of each end."""
    start = min((event.time for _, events in ends for event in events), default=0.0)
    failures = [
        f"{name}: {abbreviated(event.sentence)}"
        for name, events in ends
        for event in events
        if isinstance(event, Failed)
    ]
    if failures:
        return f"Failed. {clean('; '.join(dict.fromkeys(failures)))}", Mood.BAD
    states = [_connection_states(events) for _, events in ends]
    if any("failed" in (state for state, _ in changes) for changes in states):
        return "Failed.", Mood.BAD
    times = [next((t for s, t in changes if s == "connected"), None) for changes in states]
    known = [time for time in times if time is not None]
    if len(known) < len(ends):
        return "Not connected as far as this trace goes.", Mood.PLAIN
    sentence = f"Connected after {milliseconds(max(known) - start)}{_chosen(ends)}"
    if any(isinstance(event, MediaUnencrypted) for _, events in ends for event in events):
        return f"{'; '.join((sentence, 'media is NOT ENCRYPTED', *_changes(ends)))}.", Mood.BAD
    if any(isinstance(event, SdesKeysUsed) for _, events in ends for event in events):
        sentence = f"{sentence}; with keys of signalling (SDES)"
    return f"{'; '.join((sentence, *_changes(ends)))}.", Mood.GOOD


def _connection_states(events: Sequence[TraceEvent]) -> list[tuple[str, float]]:
    return [
        (event.state, event.time)
        for event in events
        if isinstance(event, StateChanged) and event.machine == "connectionState"
    ]


def _chosen(ends: _Ends) -> str:
    for _, events in ends:
        for event in events:
            if isinstance(event, HandshakeCompleted):
                return clean(f" with {protection(event)}")
    return ""


def _changes(ends: _Ends) -> list[str]:
    """Return the later changes of the session, each in a few words."""
    # Both ends tell of the same changes; one may have been traced for longer.
    courses = [_Course.of(events) for _, events in ends]
    switched = max((course.switched for course in courses), key=len, default=[])
    found: list[str] = []
    if switched:
        took = max(course.took for course in courses)
        last = "" if len(switched) == 1 else "last "
        found.append(f"keys changed {_times(len(switched))}, {last}in {milliseconds(took)}")
    if given_up := max((course.given_up for course in courses), key=len, default=[]):
        found.append(f"{_times(len(given_up))} not rekeyed: {clean(given_up[-1])}")
    if moves := max((course.moves for course in courses), default=0):
        found.append(f"path moved {_times(moves)}")
    return found


def _times(number: int) -> str:
    return _TIMES.get(number) or counted(number, "time")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """Changes that one end traced after the first handshake.

    Args:
        switched: Transport and association of each switch of the keys for sending.
        took: Seconds from the last offer before the last switch until both directions switched.
        given_up: Reasons of the associations that were given up.
        moves: Number of ICE restarts that selected a new pair.
    """

    switched: list[tuple[str | None, int]]
    took: float
    given_up: list[str]
    moves: int

    @classmethod
    def of(cls, events: Sequence[TraceEvent]) -> _Course:
        """Collect the changes of a trace."""
        given_up = associations.given_up(events)
        switched: list[tuple[str | None, int]] = []
        moves = 0
        news = descriptions.DescriptionChanges()
        restarting = False
        offered = began = took = 0.0
        for event in events:
            if isinstance(event, Described) and event.direction is Direction.OUT and event.sdp:
                restarting |= descriptions.NEW_CREDENTIALS in news.take(event.sdp)
            match event:
                case Described(type="offer", time=time):
                    offered = time
                case KeysSwitched(direction=Direction.OUT):
                    switched.append((event.transport, event.association))
                    began = offered or event.time
                    took = event.time - began
                case KeysSwitched(time=time):
                    took = max(took, time - (began or time))
                case AssociationRetired() if event in given_up:
                    key = (event.transport, event.association)
                    switched = [each for each in switched if each != key]
                case PathSelected() if restarting:
                    moves += 1
                    restarting = False
                case _:
                    pass
        return cls(
            switched=switched,
            took=took,
            given_up=[event.reason for event in given_up],
            moves=moves,
        )
