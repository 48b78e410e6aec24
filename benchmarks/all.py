"""Runs benchmarks one after the other, and ends with a table of all their targets.

Usage: `python -m benchmarks.all NAME...`. Exits with 1 where a target is missed, or was not
measured; the others run all the same.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.targets import Target, read_targets, targets_file


def summary(found: Mapping[str, Sequence[Target] | None]) -> Table:
    """Draw the table of the targets of each benchmark; None for one that did not end."""
    table = Table(title="all targets")
    for heading in ("benchmark", "figure", "median", "spread", "target", ""):
        table.add_column(heading, justify="right" if heading in {"median", "spread"} else "left")
    for benchmark, targets in found.items():
        if targets is None:
            table.add_row(benchmark, "", "", "", "", "[red]not measured")
        for each in targets or ():
            colour = "green" if each.met else "red"
            result = f"[{colour}]{each.verdict}"
            table.add_row(benchmark, each.name, each.figure, each.spread, each.wanted, result)
    return table


def all_met(found: Mapping[str, Sequence[Target] | None]) -> bool:
    """Return True where each benchmark has measured each of its targets, and met it."""
    return all(t is not None and all(each.met for each in t) for t in found.values())


def main(benchmarks: Sequence[str]) -> int:
    """Run the benchmarks from the command line."""
    found: dict[str, tuple[Target, ...] | None] = {}
    for name in benchmarks:
        targets_file(name).unlink(missing_ok=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False)
        found[name] = read_targets(name)
    Console().print(summary(found))
    return 0 if found and all_met(found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
