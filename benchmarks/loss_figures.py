"""Owns what is made of the times at which frames were captured and read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from peer.rtp.inbound.freezes import FreezeMeter

if TYPE_CHECKING:
    from benchmarks.loss_tracks import Journal

#: Seconds: before the trouble, of it, after it; and how long the end is that counts as "after".
CLEAN, TROUBLED, REST = 5.0, 10.0, 15.0
END = 5.0
#: The delay is back where it is longer by no more than this part, or so many seconds.
BACK_PART, BACK_SECONDS = 0.2, 0.02
#: Part of the frames that have to come at the end, for a stream to count as running.
_FLOWING = 0.9
#: Seconds over which the delay is looked at to tell when it was back.
_BUCKET = 0.5


@dataclass(frozen=True, slots=True)
class Phases:
    """When the trouble began and ended, and when all was over, in seconds of the loop's clock."""

    trouble: float
    calm: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a viewer or listener had of one stream. Times are in seconds.

    Args:
        freezes: How often it froze (W3C), from the beginning of the trouble on.
        frozen: For how long, all in all.
        longest: The longest time without a frame.
        captured: Frames of the source from the beginning of the trouble to a second before the end.
        lost: Those of them that were never read.
        before: Median delay from capture to reading, before the trouble; likewise the next two.
        during: In the trouble.
        after: In the last seconds; None where nothing came.
        flows: Whether frames come at the end.
        back_after: How long after the trouble the delay was as before, and stayed so; None where
            that did not happen.
    """

    freezes: int
    frozen: float
    longest: float
    captured: int
    lost: int
    before: float
    during: float | None
    after: float | None
    flows: bool
    back_after: float | None

    @property
    def delay_is_back(self) -> bool:
        """Whether the last seconds are as those before the trouble."""
        return self.after is not None and self.after <= most_delay(self.before)

    @property
    def recovered(self) -> bool:
        """Whether frames come, and as soon as before."""
        return self.flows and self.delay_is_back


def most_delay(before: float) -> float:
    """The longest delay that counts as before."""
    return before + max(before * BACK_PART, BACK_SECONDS)


def figures(journal: Journal, phases: Phases) -> Figures:
    """Of one stream.

    Raises:
        ValueError: Nothing came before the trouble.
    """
    captured = journal.captured
    # A number that was misread has no capture.
    read = [(number, at) for number, at in journal.read if number in captured]
    delays = [(at, at - captured[number]) for number, at in read]
    before = _median(delays, phases.trouble - CLEAN, phases.trouble)
    if before is None:
        raise ValueError(f"no {journal.kind} came before the trouble")
    times = [at for _, at in read if at <= phases.end]
    freezes = _freezes(times, phases)
    wanted = {n for n, at in captured.items() if phases.trouble <= at < phases.end - 1.0}
    watched = [at for at in times if at >= phases.trouble]
    edges = [phases.trouble, *watched, phases.end]
    recent = Counter(at >= phases.end - END for at in times)[True]
    return Figures(
        freezes=freezes.count,
        frozen=freezes.seconds,
        longest=max(later - earlier for earlier, later in pairwise(edges)),
        captured=len(wanted),
        lost=len(wanted - {number for number, _ in read}),
        before=before,
        during=_median(delays, phases.trouble, phases.calm),
        after=_median(delays, phases.end - END, phases.end),
        flows=recent * journal.interval >= _FLOWING * END,
        back_after=_back_after(delays, phases, most_delay(before)),
    )


def _freezes(times: list[float], phases: Phases) -> FreezeMeter:
    meter, early = FreezeMeter(), FreezeMeter()
    for at in times:
        meter.on_frame(at)
        if at < phases.trouble:
            early.on_frame(at)
    # What never comes again is frozen until the end.
    meter.on_frame(phases.end)
    meter.count -= early.count
    meter.seconds -= early.seconds
    return meter


def _median(delays: list[tuple[float, float]], since: float, until: float) -> float | None:
    found = [delay for at, delay in delays if since <= at < until]
    return median(found) if found else None


def _back_after(delays: list[tuple[float, float]], phases: Phases, most: float) -> float | None:
    buckets = round((phases.end - phases.calm) / _BUCKET)
    since = 0.0
    for bucket in range(buckets):
        begin = phases.calm + bucket * _BUCKET
        delay = _median(delays, begin, begin + _BUCKET)
        if delay is None or delay > most:
            since = (bucket + 1) * _BUCKET
    return since if since < buckets * _BUCKET else None
