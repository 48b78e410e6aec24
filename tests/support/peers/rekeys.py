"""Rekeys and ICE restarts in a session with a third-party peer, and the gaps they leave."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from peer.tracing.events import HandshakeCompleted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from peer import RekeyResult
    from tests.support.peers.negotiated_session import Exchange, NegotiatedSession, Report
    from tests.support.peers.third_party import ThirdParty

#: Seconds that nobody sees.
LONGEST_GAP = 0.1
#: Seconds from one picture to the next, at 30 a second.
SPACING = 1 / 30
#: Seconds. Whatever lasts as long waits for a timer of DTLS or ICE, however busy the machine is.
TIMER = 1.0
#: Times that the longest gap without a change may be exceeded by one with a change, where that is
#: more: on a machine whose pictures stand still for as long by themselves.
OVERLOAD = 5
#: Noticeable gaps among the changes of one kind that are put down to the machine. A processor or a
#: browser that stands still for a moment holds up one change, a fault of ours all of them.
SPARED = 1
# Pictures or packets after which a change counts as survived.
_AFTER = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change while media and data flowed.

    Args:
        exchange: The offer and the answer that made it.
        result: What the rekey says of itself; None where there was none.
        echoed: Whether a message came back after it.
        report: What both ends counted from before it until some media came after it.
        handshakes: How many the session has had with it.
    """

    exchange: Exchange
    result: RekeyResult | None
    echoed: bool
    report: Report
    handshakes: int


async def rekey(session: NegotiatedSession, *, ice_restart: bool = False) -> Change:
    """Rekey at our request."""
    await session.reset()
    result, exchange = await session.rekey(ice_restart=ice_restart)
    return await _survived(session, exchange, result)


async def restart(session: NegotiatedSession, *, by_peer: bool) -> Change:
    """Restart ICE alone, at the request of either side."""
    await session.reset()
    if by_peer:
        exchange = await session.be_offered(ice_restart=True)
    else:
        session.pc.restartIce()
        exchange = await session.offer()
    return await _survived(session, exchange, None)


async def offer(session: NegotiatedSession) -> Change:
    """Make an offer of ours that changes nothing."""
    await session.reset()
    return await _survived(session, await session.offer(), None)


async def _survived(
    session: NegotiatedSession, exchange: Exchange, result: RekeyResult | None
) -> Change:
    # First, since the gap ends with what comes after the change.
    echoed = await session.echo()
    report = await session.flow(_AFTER)
    handshakes = len(session.trace.all(HandshakeCompleted))
    return Change(
        exchange=exchange, result=result, echoed=echoed, report=report, handshakes=handshakes
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Longest gap of each change in a row, in one direction, in seconds.

    Two cores with a browser on them make gaps without any change, and those are no fault of one.

    Args:
        each: Of the changes, in order.
        waited: For how long some process had to wait for a processor meanwhile.
        still: The longest gap of the same session while nothing changed.
    """

    each: tuple[float, ...]
    waited: tuple[float, ...]
    still: float

    @property
    def too_long(self) -> list[float]:
        """Gaps that are noticeable, beyond those of the machine itself, in seconds."""
        return [
            gap
            for gap, waited in zip(self.each, self.waited, strict=True)
            if gap >= min(LONGEST_GAP + self.still + waited, max(TIMER, OVERLOAD * self.still))
        ]

    @property
    def typical(self) -> float:
        """The median of the gaps, in seconds, less what the machine adds by itself.

        That is what the longest gap without a change has beyond the spacing of the pictures: next
        to nothing on a quiet machine.
        """
        return median(self.each) - max(0.0, self.still - SPACING)


def gaps(changes: Iterable[Change], still: Sequence[Report]) -> tuple[Gaps, Gaps]:
    """Return the gaps at the peer and those at our end."""
    reports = [each.report for each in changes]
    waited = tuple(report.waited for report in reports)
    return (
        Gaps(
            each=tuple(report.peer.longest_gap for report in reports),
            waited=waited,
            still=max(report.peer.longest_gap for report in still),
        ),
        Gaps(
            each=tuple(report.ours.longest_gap for report in reports),
            waited=waited,
            still=max(report.ours.longest_gap for report in still),
        ),
    )


async def baseline(session: NegotiatedSession, count: int = 40) -> Report:
    """Measure the gaps while nothing changes."""
    await session.reset()
    return await session.flow(count)


def record(
    folder: Path,
    name: ThirdParty,
    version: str,
    still: Sequence[Report],
    changes: Mapping[str, Sequence[Change]],
) -> None:
    """Write the distributions of the gaps, in milliseconds, beside what there is without a change.

    Each distribution is sorted, and whole.
    """
    folder = folder / "rekey"
    folder.mkdir(parents=True, exist_ok=True)
    table = {
        "peer": name.value,
        "version": version,
        **{what: _distribution(made, still) for what, made in changes.items()},
    }
    text = msgspec.json.format(msgspec.json.encode(table), indent=2)
    (folder / f"{name}.json").write_bytes(text + b"\n")


def _distribution(changes: Sequence[Change], still: Sequence[Report]) -> dict[str, object]:
    at_peer, at_ours = gaps(changes, still)
    results = [each.result for each in changes if each.result is not None]
    return {
        "gaps at the peer": sorted(map(_milliseconds, at_peer.each)),
        "gaps at ours": sorted(map(_milliseconds, at_ours.each)),
        "longest gap at the peer without a change": _milliseconds(at_peer.still),
        "longest gap at ours without a change": _milliseconds(at_ours.still),
        "waited for a processor": sorted(map(_milliseconds, at_peer.waited)),
        "packets lost on their way to us": sum(each.report.ours.lost for each in changes),
        "durations": sorted(_milliseconds(result.duration) for result in results),
    }


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 1)
