"""What benchmarks say of their targets, and the table at the end of `make bench`."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.all import all_met, summary
from benchmarks.targets import Target, judge, read_targets

MET = Target("time, ours / theirs", (0.5, 0.7, 9.0), 1.0)
MISSED = Target("rate, ours / theirs", (0.5, 0.7, 0.9), 1.0, at_least=True)
UNMEASURED = Target("time, ours / absent", (), 1.0)


@pytest.mark.parametrize(
    ("target", "verdict"), [(MET, "Met"), (MISSED, "MISSED"), (UNMEASURED, "not measured")]
)
def test_target_is_judged_by_its_median(target: Target, verdict: str) -> None:
    assert target.verdict == verdict
    assert target.met is (verdict == "Met")


def test_judged_targets_are_read_again_as_they_were(tmp_path: Path) -> None:
    console = Console(record=True, width=100)
    assert not judge("example", [MET, UNMEASURED], console, folder=tmp_path)
    read = read_targets("example", tmp_path)
    assert read is not None
    assert [(t.name, tuple(t.values), t.bound, t.at_least) for t in read] == [
        (MET.name, MET.values, MET.bound, False),
        (UNMEASURED.name, (), 1.0, False),
    ]
    assert "Met: time, ours / theirs 0.7 (0.5 to 9), the target is at most 1" in (
        console.export_text()
    )


def test_benchmark_that_breaks_off_has_no_targets(tmp_path: Path) -> None:
    assert read_targets("example", tmp_path) is None


def test_table_has_each_target_and_what_was_not_measured() -> None:
    console = Console(record=True, width=120)
    console.print(summary({"one": (MET, MISSED), "two": None, "three": (UNMEASURED,)}))
    shown = console.export_text()
    for words in ("time, ours / theirs", "at least 1", "MISSED", "0.5 to 9"):
        assert words in shown
    assert shown.count("not measured") == 2


def test_missed_and_unmeasured_targets_fail_the_whole() -> None:
    assert all_met({"one": (MET,), "none": ()})
    assert not all_met({"one": (MET, MISSED)})
    assert not all_met({"one": (MET,), "two": None})
    assert not all_met({"one": (UNMEASURED,)})


def test_each_benchmark_of_make_bench_judges_its_targets() -> None:
    """One that does not would stand in the table as not measured."""
    root = Path(__file__).parents[3]
    makefile = (root / "Makefile").read_text()
    named = makefile.partition("\nBENCHMARKS := ")[2].partition("\n")[0].split()
    assert "idle" in named
    for name in named:
        assert f'judge("{name}", ' in (root / "benchmarks" / f"{name}.py").read_text(), name
