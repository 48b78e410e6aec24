"""The comparison of subjects is fair, and computes its numbers rightly."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from rich.console import Console

from benchmarks.harness import Ratio, Report, Series, compare


class Scripted:
    """A subject whose times are given."""

    def __init__(self, name: str, times: Iterable[float], log: list[str]) -> None:
        self._name = name
        self._times = iter(times)
        self._log = log

    @property
    def name(self) -> str:
        return self._name

    async def __aenter__(self) -> Self:
        self._log.append(f"+{self._name}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._log.append(f"-{self._name}")

    async def measure(self) -> float:
        self._log.append(self._name)
        return next(self._times)


REPORT = Report("example", (Series("ours", (1.0, 2.0, 9.0)), Series("theirs", (4.0, 4.0, 6.0))))


async def test_subjects_take_turns_in_an_order_that_rotates() -> None:
    log: list[str] = []
    await compare(
        "example", [Scripted(name, [1.0] * 3, log) for name in "abc"], warm_up=1, rounds=2
    )
    assert "".join(log) == "+a+b+c" + "abc" + "bca" + "cab" + "-c-b-a"


async def test_the_warm_up_does_not_count() -> None:
    report = await compare("example", [Scripted("a", [99.0, 1.0, 3.0], [])], warm_up=1, rounds=2)
    assert report.series == (Series("a", (1.0, 3.0)),)


async def test_every_subject_is_left_when_one_fails() -> None:
    log: list[str] = []
    subjects = [Scripted("a", [1.0], log), Scripted("b", [], log)]
    with pytest.raises(RuntimeError):
        await compare("example", subjects, warm_up=0, rounds=1)
    assert log[-2:] == ["-b", "-a"]


def test_a_ratio_is_taken_round_by_round() -> None:
    assert REPORT.ratio_to("theirs") == Ratio(lowest=0.25, median=0.5, highest=1.5)


def test_series_of_different_length_are_not_compared() -> None:
    with pytest.raises(ValueError, match="zip"):
        Ratio.between(Series("a", (1.0,)), Series("b", (1.0, 2.0)))


def test_the_file_keeps_every_number(tmp_path: Path) -> None:
    REPORT.write(tmp_path / "bench.json")
    kept = json.loads((tmp_path / "bench.json").read_text())
    assert kept["milliseconds"] == {"ours": [1.0, 2.0, 9.0], "theirs": [4.0, 4.0, 6.0]}
    assert kept["medians"] == {"ours": 2.0, "theirs": 4.0}
    assert kept["ratios"] == {"theirs": {"lowest": 0.25, "median": 0.5, "highest": 1.5}}


def test_the_table_shows_medians_and_ratios() -> None:
    console = Console(record=True, width=120, quiet=False)
    with console.capture() as shown:
        REPORT.print(console)
    row = next(line for line in shown.get().splitlines() if "theirs" in line)
    assert "4.0 ms" in row
    assert "0.50" in row
    assert "0.25 to 1.50" in row
