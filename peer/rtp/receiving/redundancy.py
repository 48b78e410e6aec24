"""Places in the sequence of packets for the copies that a RED packet carries. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Packets from the first that is missing up to one with copies, beyond which none is looked for
#: (ours): more than a second of sound.
REACH = 64


class ArrivedPacket(NamedTuple):
    """A packet that is here, as seen from a later one.

    Args:
        back: Packets by which it is before that one.
        age: Ticks by which its timestamp is before that one's.
        sounds: False for a packet that only pads.
    """

    back: int
    age: int
    sounds: bool = True


def places(ages: Sequence[int], arrived: Sequence[ArrivedPacket]) -> list[int | None]:
    """Tell how many packets before a packet each of its copies belongs; None for none missing.

    RFC 2198 gives a copy a time, and no sequence number: it belongs between the packets before and
    after its time, of which some may only pad, as libwebrtc sends them to probe the network. Where
    several are missing there, packets of the same length tell which; else copies are taken to be
    of the last ones, as all senders make them.

    Args:
        ages: Ticks by which the copies are before the packet, the oldest first.
        arrived: Packets that are here, from the last one before the loss to the packet itself.
    """
    sounding = {each.age for each in arrived if each.sounds}
    taken: set[int] = set()
    found: list[int | None] = []
    for age in reversed(ages):
        older = [each for each in arrived if each.age > age]
        newer = [each for each in arrived if each.age <= age]
        place = None
        if older and newer and age not in sounding:
            before = min(older, key=lambda each: each.back)
            after = max(newer, key=lambda each: each.back)
            place = _place(age, before, after, taken)
        if place is not None:
            taken.add(place)
        found.append(place)
    return found[::-1]


def _place(age: int, before: ArrivedPacket, after: ArrivedPacket, taken: set[int]) -> int | None:
    step, rest = divmod(before.age - after.age, max(1, before.back - after.back))
    if not rest and not (age - after.age) % step:
        place = after.back + (age - after.age) // step
        if after.back < place < before.back:
            return place
    free = (back for back in range(after.back + 1, before.back) if back not in taken)
    return next(free, None)
