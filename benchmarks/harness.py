"""Compares subjects in turn: medians, and ratios within each round.

Absolute times belong to one machine and one moment. Ratios of neighbours in time travel: each round
measures every subject once, in an order that rotates, and a ratio is taken within its round.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

ARTIFACTS = Path(__file__).parents[1] / "artifacts"


class Subject(Protocol):
    """A subject of a benchmark; its context spans all of its rounds."""

    @property
    def name(self) -> str:
        """Name of the subject in the report."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    async def measure(self) -> float:
        """Run one round and return its duration in milliseconds."""
        ...


@dataclass(frozen=True, slots=True)
class Series:
    """Durations of one subject, round by round, in milliseconds."""

    name: str
    milliseconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median duration of all rounds, in milliseconds."""
        return median(self.milliseconds)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ratio of two subjects' durations, taken within each round."""

    lowest: float
    median: float
    highest: float

    @classmethod
    def between(cls, series: Series, other: Series) -> Ratio:
        """Divide two series round by round."""
        ratios = [
            one / two for one, two in zip(series.milliseconds, other.milliseconds, strict=True)
        ]
        return cls(min(ratios), median(ratios), max(ratios))


@dataclass(frozen=True, slots=True)
class Report:
    """Result of a benchmark; the first series is ours."""

    benchmark: str
    series: tuple[Series, ...]

    def ratio_to(self, name: str) -> Ratio:
        """Return the ratio of our durations to those of a named subject."""
        return Ratio.between(self.series[0], next(one for one in self.series if one.name == name))

    def ratios_to(self, name: str) -> tuple[float, ...]:
        """Return the ratios of our durations to those of a named subject, round by round."""
        other = next(one for one in self.series if one.name == name)
        pairs = zip(self.series[0].milliseconds, other.milliseconds, strict=True)
        return tuple(ours / theirs for ours, theirs in pairs)

    def print(self, console: Console) -> None:
        """Print the result as a table."""
        ours = self.series[0]
        rounds = len(ours.milliseconds)
        table = Table(title=f"{self.benchmark}, {rounds} rounds")
        table.add_column("subject")
        for heading in ("median", "lowest", "highest", f"{ours.name} / it, median", "spread"):
            table.add_column(heading, justify="right")
        for one in self.series:
            ratio = self.ratio_to(one.name)
            times = (one.median, min(one.milliseconds), max(one.milliseconds))
            compared = (f"{ratio.median:.2f}", f"{ratio.lowest:.2f} to {ratio.highest:.2f}")
            table.add_row(
                one.name,
                *(f"{time:.1f} ms" for time in times),
                *(compared if one is not ours else ("", "")),
            )
        console.print(table)

    def publish(self, name: str, console: Console) -> None:
        """Print the result, and write it to `artifacts/bench-NAME.json`."""
        self.print(console)
        self.write(ARTIFACTS / f"bench-{name}.json")

    def write(self, path: Path) -> None:
        """Write all numbers as JSON, for plots and comparisons."""
        others = self.series[1:]
        ratios = {one.name: Ratio.between(self.series[0], one) for one in others}
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            json.dumps(
                {
                    "benchmark": self.benchmark,
                    "machine": {
                        "python": platform.python_version(),
                        "system": platform.platform(),
                        "cores": os.cpu_count(),
                    },
                    "milliseconds": {one.name: one.milliseconds for one in self.series},
                    "medians": {one.name: one.median for one in self.series},
                    "ratios": {
                        name: {
                            "lowest": ratio.lowest,
                            "median": ratio.median,
                            "highest": ratio.highest,
                        }
                        for name, ratio in ratios.items()
                    },
                },
                indent=2,
            )
        )


async def compare(
    benchmark: str, subjects: Sequence[Subject], *, warm_up: int, rounds: int
) -> Report:
    """Measure the subjects in turn, round by round.

    Args:
        benchmark: Heading of the report.
        subjects: Subjects, ours first; entered together, measured one at a time.
        warm_up: Rounds that do not count, for imports and caches.
        rounds: Rounds that count; at least 1.
    """
    times: list[list[float]] = [[] for _ in subjects]
    async with AsyncExitStack() as stack:
        for subject in subjects:
            await stack.enter_async_context(subject)
        for turn in range(warm_up + rounds):
            for place in range(len(subjects)):
                # Rotate, so that no subject always runs after the same neighbour.
                index = (turn + place) % len(subjects)
                times[index].append(await subjects[index].measure())
    return Report(
        benchmark,
        tuple(
            Series(subject.name, tuple(taken[warm_up:]))
            for subject, taken in zip(subjects, times, strict=True)
        ),
    )


def run_rounds(
    run: Callable[[int, Console], Coroutine[Any, Any, bool]],
    arguments: Sequence[str],
    *,
    rounds: int,
    most: int,
) -> int:
    """Run a benchmark from the command line, and return the exit code of its process.

    Args:
        run: Measures for a number of rounds and reports; returns whether the target is met.
        arguments: At most one, the number of rounds.
        rounds: Number of rounds by default.
        most: Largest number of rounds.
    """
    asked = int(arguments[0]) if arguments else rounds
    if not 1 <= asked <= most:
        print(f"ROUNDS is 1 to {most}", file=sys.stderr)
        return 2
    return 0 if asyncio.run(run(asked, Console())) else 1
