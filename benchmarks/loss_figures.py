"""Computes freezes, delays and losses from the times of capture and reading of frames. PURE."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from peer.rtp.inbound.freezes import FreezeMeter

if TYPE_CHECKING:
    from benchmarks.loss_tracks import Journal

#: Seconds before the impairment, under it and after it, and of the end that counts as "after".
CLEAN, TROUBLED, REST, END = 5.0, 10.0, 15.0, 5.0
#: The delay has recovered where it exceeds the former one by at most this share, or these seconds.
BACK_PART, BACK_SECONDS = 0.2, 0.02
#: Share of the frames that have to arrive at the end for a stream to count as running (ours).
_FLOWING = 0.9
#: Seconds of each window in which the delay is judged (ours).
_BUCKET = 0.5


@dataclass(frozen=True, slots=True)
class Phases:
    """Begin and end of the impairment, and end of the call, in seconds of the loop's clock."""

    trouble: float
    calm: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Quality of one received stream; times are in seconds.

    Args:
        freezes: Number of freezes (W3C webrtc-stats) from the begin of the impairment on.
        frozen: Total duration of these freezes.
        longest: Longest time without a frame.
        captured: Frames captured from the begin of the impairment to a second before the end.
        lost: Those frames that were never read.
        before: Median delay from capture to reading, before the impairment.
        during: The same delay under the impairment; None without frames.
        after: The same delay in the last seconds; None without frames.
        flows: Whether frames arrive at the end.
        back_after: Time from the end of the impairment until the delay had recovered for good;
            None where it did not.
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
        """True where the delay of the last seconds has recovered."""
        return self.after is not None and self.after <= most_delay(self.before)

    @property
    def recovered(self) -> bool:
        """True where frames arrive at the end, with the former delay."""
        return self.flows and self.delay_is_back


def most_delay(before: float) -> float:
    """Return the longest delay that counts as recovered, in seconds."""
    return before + max(before * BACK_PART, BACK_SECONDS)


def figures(journal: Journal, phases: Phases) -> Figures:
    """Compute the figures of one stream.

    Raises:
        ValueError: No frame arrived before the impairment.
    """
    captured = journal.captured
    # A misread number belongs to no captured frame.
    read = [(number, at) for number, at in journal.read if number in captured]
    delays = [(at, at - captured[number]) for number, at in read]
    before = _median(delays, since=phases.trouble - CLEAN, until=phases.trouble)
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
        during=_median(delays, since=phases.trouble, until=phases.calm),
        after=_median(delays, since=phases.end - END, until=phases.end),
        flows=recent * journal.interval >= _FLOWING * END,
        back_after=_back_after(delays, phases, most_delay(before)),
    )


def _freezes(times: list[float], phases: Phases) -> FreezeMeter:
    meter, early = FreezeMeter(), FreezeMeter()
    for at in times:
        meter.on_frame(at)
        if at < phases.trouble:
            early.on_frame(at)
    # A stream without further frames is frozen until the end.
    meter.on_frame(phases.end)
    meter.count -= early.count
    meter.seconds -= early.seconds
    return meter


def _median(delays: list[tuple[float, float]], *, since: float, until: float) -> float | None:
    found = [delay for at, delay in delays if since <= at < until]
    return median(found) if found else None


def _back_after(delays: list[tuple[float, float]], phases: Phases, most: float) -> float | None:
    buckets = round((phases.end - phases.calm) / _BUCKET)
    since = 0.0
    for bucket in range(buckets):
        begin = phases.calm + bucket * _BUCKET
        delay = _median(delays, since=begin, until=begin + _BUCKET)
        if delay is None or delay > most:
            since = (bucket + 1) * _BUCKET
    return since if since < buckets * _BUCKET else None
