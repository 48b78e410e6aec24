"""Assigns ICE checks to generations, and tells consent checks apart. PURE.

A check does not name its generation. But each ICE restart opens sockets of its own, so the socket
tells; and once a pair is selected, checks on its sockets ask for consent.
"""

from __future__ import annotations

from collections import Counter

from handfast.trace import descriptions
from handfast.trace.rows import Lifeline
from peer.values import dataclass

_Transport = tuple[Lifeline, str | None]


@dataclass(frozen=True, slots=True)
class Check:
    """Generation and purpose of an ICE check.

    Args:
        generation: Number of ICE restarts before its socket was opened.
        consent: Whether a pair of that generation, or of a later one, was selected already.
    """

    generation: int = 0
    consent: bool = False


class Generations:
    """Tracks ICE generations by descriptions, selected pairs and checks, in the order of time."""

    def __init__(self) -> None:
        self._names: dict[Lifeline, dict[str, int]] = {side: {} for side in Lifeline}
        self._newest: Counter[Lifeline] = Counter()
        self._sockets: dict[_Transport, dict[str, int]] = {}
        self._paths: set[_Transport] = set()
        self._chosen: dict[str | None, int] = {}

    def describe(self, side: Lifeline, sdp: str) -> None:
        """Note the description of an end, perhaps with new ICE credentials."""
        fragments = descriptions.attributes(sdp, name="ice-ufrag")
        if fragments:
            names = self._names[side]
            # After a rollback the former ufrag is in force again.
            self._newest[side] = names.setdefault(fragments[0], len(names))

    def select(self, side: Lifeline, *, transport: str | None, local: str) -> bool:
        """Note a selected pair; `local` is its address at that end.

        Returns:
            Whether the pair replaces another one.
        """
        sockets = self._sockets.get((side, transport), {})
        # A relayed or reflexive address belongs to no socket here: the newest is assumed.
        newest = max(sockets.values(), default=0)
        # The other end checks the same pair, though its event may come later.
        before = self._chosen.get(transport, 0)
        self._chosen[transport] = max(before, sockets.get(local, newest))
        moved = (side, transport) in self._paths
        self._paths.add((side, transport))
        return moved

    def check(self, side: Lifeline, *, transport: str | None, local: str) -> Check:
        """Classify a check that came to, or left, a socket of that end."""
        sockets = self._sockets.setdefault((side, transport), {})
        generation = sockets.setdefault(local, self._newest[side])
        chosen = self._chosen.get(transport, -1)
        return Check(generation, consent=generation <= chosen)
