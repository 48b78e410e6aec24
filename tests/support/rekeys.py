"""Owns what changes of keys and of ICE did to a session with a peer of others, and its record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from peer.trace import HandshakeCompleted

if TYPE_CHECKING:
    from pathlib import Path

    from peer import RekeyResult
    from tests.support.arrivals import Arrivals
    from tests.support.foreign import ForeignName
    from tests.support.parley import Exchange, Parley, Report

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


async def rekey(session: Parley, *, ice_restart: bool = False) -> Change:
    """New keys, on our wish."""
    await session.reset()
    result, exchange = await session.rekey(ice_restart=ice_restart)
    return await _survived(session, exchange, result)


async def restart(session: Parley, *, by_peer: bool) -> Change:
    """New ICE credentials and nothing else, on the wish of either side."""
    await session.reset()
    if by_peer:
        exchange = await session.be_offered(ice_restart=True)
    else:
        session.pc.restartIce()
        exchange = await session.offer()
    return await _survived(session, exchange, None)


async def offer(session: Parley) -> Change:
    """An offer of ours that changes nothing."""
    await session.reset()
    return await _survived(session, await session.offer(), None)


async def _survived(session: Parley, exchange: Exchange, result: RekeyResult | None) -> Change:
    # First, since the gap ends with what comes after the change.
    echoed = await session.echo()
    report = await session.flow(_AFTER)
    handshakes = len(session.trace.all(HandshakeCompleted))
    return Change(
        exchange=exchange, result=result, echoed=echoed, report=report, handshakes=handshakes
    )


async def baseline(session: Parley, count: int = 60) -> Report:
    """The same numbers while nothing changes."""
    await session.reset()
    return await session.flow(count)


def record(
    folder: Path, name: ForeignName, version: str, still: Report, changes: dict[str, list[Change]]
) -> None:
    """Write the distribution of the gaps, in milliseconds, beside those of the baseline."""
    folder = folder / "rekey"
    folder.mkdir(parents=True, exist_ok=True)
    table = {
        "peer": name.value,
        "version": version,
        "baseline": {"at the peer": _gap(still.peer), "at ours": _gap(still.ours)},
        **{what: _distribution(made) for what, made in changes.items()},
    }
    text = msgspec.json.format(msgspec.json.encode(table), indent=2)
    (folder / f"{name}.json").write_bytes(text + b"\n")


def _distribution(changes: list[Change]) -> dict[str, object]:
    return {
        "gaps at the peer": sorted(_gap(each.report.peer) for each in changes),
        "gaps at ours": sorted(_gap(each.report.ours) for each in changes),
        "lost at ours": sum(each.report.ours.lost for each in changes),
        "duration": sorted(
            round(1000 * each.result.duration, 1) for each in changes if each.result is not None
        ),
    }


def _gap(arrivals: Arrivals) -> float:
    return round(1000 * arrivals.longest_gap, 1)
