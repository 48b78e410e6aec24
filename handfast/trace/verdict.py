"""Owns the one sentence that says how a session went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handfast.trace.rows import Mood
from handfast.trace.words import abbreviated, clean, milliseconds, version
from peer.trace import Failed, HandshakeCompleted, StateChanged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.trace import TraceEvent


def verdict(ends: Sequence[tuple[str, Sequence[TraceEvent]]]) -> tuple[str, Mood]:
    """How the session went, of which these are the ends: the name and the events of each."""
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
    sentence = f"Connected after {milliseconds(max(known) - start)}"
    return f"{sentence}{_chosen(ends)}.", Mood.GOOD


def _connection_states(events: Sequence[TraceEvent]) -> list[tuple[str, float]]:
    return [
        (event.state, event.time)
        for event in events
        if isinstance(event, StateChanged) and event.machine == "connectionState"
    ]


def _chosen(ends: Sequence[tuple[str, Sequence[TraceEvent]]]) -> str:
    for _, events in ends:
        for event in events:
            if isinstance(event, HandshakeCompleted):
                parts = (version(event.version), event.cipher, event.srtp_profile)
                return clean(f" with {', '.join(part for part in parts if part)}")
    return ""
