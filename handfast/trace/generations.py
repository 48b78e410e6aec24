"""Owns which ICE generation a check belongs to, and whether it asks for consent only.

A check does not name its generation. But an ICE restart opens sockets of its own, so that the
socket tells; and once a pair was chosen, those that were there by then serve it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from handfast.trace import descriptions
from handfast.trace.rows import Lifeline

_Transport = tuple[Lifeline, str | None]


@dataclass(frozen=True, slots=True)
class Check:
    """What a check is for.

    Args:
        generation: How many restarts came before its socket.
        consent: Whether a path was chosen among the sockets of that time.
    """

    generation: int = 0
    consent: bool = False


class Generations:
    """Takes descriptions, paths and checks in the order of time; each is told by one end."""

    def __init__(self) -> None:
        self._names: dict[Lifeline, dict[str, int]] = {side: {} for side in Lifeline}
        self._newest: Counter[Lifeline] = Counter()
        self._sockets: dict[_Transport, dict[str, int]] = {}
        self._paths: set[_Transport] = set()
        self._chosen: dict[str | None, int] = {}

    def describe(self, side: Lifeline, sdp: str) -> None:
        """An end described itself, perhaps with fresh ICE credentials."""
        fragments = descriptions.attributes(sdp, "ice-ufrag")
        if fragments:
            names = self._names[side]
            # An offer that is taken back goes back to a name that is known.
            self._newest[side] = names.setdefault(fragments[0], len(names))

    def choose(self, side: Lifeline, transport: str | None, local: str) -> bool:
        """A path was chosen; `local` is its address at that end.

        Returns:
            Whether it takes the place of another one.
        """
        sockets = self._sockets.get((side, transport), {})
        # The address of a relay or a NAT is none of a socket here: then it is the newest.
        newest = max(sockets.values(), default=0)
        # What one end has chosen the other one checks too, though it may say so later.
        before = self._chosen.get(transport, 0)
        self._chosen[transport] = max(before, sockets.get(local, newest))
        moved = (side, transport) in self._paths
        self._paths.add((side, transport))
        return moved

    def check(self, side: Lifeline, transport: str | None, local: str) -> Check:
        """A check came to, or left, a socket of that end."""
        sockets = self._sockets.setdefault((side, transport), {})
        generation = sockets.setdefault(local, self._newest[side])
        chosen = self._chosen.get(transport, -1)
        return Check(generation, consent=generation <= chosen)
