"""Targets of benchmarks: what each one measured, beside what was wanted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.harness import ARTIFACTS

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Target:
    """A figure of a benchmark, and the bound that it has to keep.

    Args:
        name: The figure, as `set-up, ours / aiortc's`.
        values: What each round measured; empty where it could not be measured.
        bound: The most that the median may be, or the least.
        at_least: The bound is the least.
    """

    name: str
    values: Sequence[float]
    bound: float
    at_least: bool = False

    @property
    def measured(self) -> bool:
        """True where at least one round has measured it."""
        return bool(self.values)

    @property
    def met(self) -> bool:
        """True where the median keeps the bound; False where nothing was measured."""
        if not self.measured:
            return False
        found = median(self.values)
        return found >= self.bound if self.at_least else found <= self.bound

    @property
    def verdict(self) -> str:
        """Met, MISSED or not measured."""
        return ("Met" if self.met else "MISSED") if self.measured else "not measured"

    @property
    def figure(self) -> str:
        """The median; empty where nothing was measured."""
        return f"{median(self.values):,.4g}" if self.measured else ""

    @property
    def spread(self) -> str:
        """The least and the greatest value; empty where nothing was measured."""
        return f"{min(self.values):,.4g} to {max(self.values):,.4g}" if self.measured else ""

    @property
    def wanted(self) -> str:
        """The bound in words."""
        return f"{'at least' if self.at_least else 'at most'} {self.bound:g}"


def targets_file(benchmark: str, folder: Path = ARTIFACTS) -> Path:
    """Name the file that has the targets of a benchmark, as JSON."""
    return folder / f"targets-{benchmark}.json"


def judge(
    benchmark: str, targets: Iterable[Target], console: Console, *, folder: Path = ARTIFACTS
) -> bool:
    """Print and save what became of the targets, and return True where all are met."""
    judged = tuple(targets)
    for each in judged:
        figures = f" {each.figure} ({each.spread})" if each.measured else ""
        console.print(f"{each.verdict}: {each.name}{figures}, the target is {each.wanted}")
    folder.mkdir(exist_ok=True)
    written = json.dumps([asdict(each) for each in judged], indent=2)
    targets_file(benchmark, folder).write_text(written)
    return all(each.met for each in judged)


def read_targets(benchmark: str, folder: Path = ARTIFACTS) -> tuple[Target, ...] | None:
    """Read what `judge` has saved; None where the benchmark did not come so far."""
    path = targets_file(benchmark, folder)
    if not path.exists():
        return None
    return tuple(Target(**each) for each in json.loads(path.read_text()))
