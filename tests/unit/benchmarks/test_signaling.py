"""The benchmark of the room server runs small, counts what it says, and knows its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from benchmarks.signaling import (
    OURS,
    RELAY,
    Busy,
    Subject,
    main,
    measure_busy,
    measure_idle,
    report,
)
from benchmarks.signaling_load import frame
from benchmarks.signaling_shared import Arrangement, Shared, measure
from benchmarks.signaling_shared import main as main_shared
from benchmarks.signaling_shared import report as report_shared
from tests.support.negotiation.connections import within

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("subject", [OURS, RELAY], ids=lambda subject: subject.name)
async def test_messages_of_busy_clients_pass_each_server(subject: Subject) -> None:
    busy = await within(measure_busy(subject, 4, 0.2))
    assert busy.rate > 0
    assert 0 < busy.p50 <= busy.p99


async def test_memory_of_idle_clients_is_read() -> None:
    assert await within(measure_idle(OURS, 20)) > 0


def _rounds(*costs: float) -> list[Busy]:
    return [Busy(rate=1000.0, cost=cost, p50=1.0, p99=2.0) for cost in costs]


@pytest.mark.parametrize(
    ("cost", "memory", "met"),
    [(50.0, 30.0, True), (50.1, 30.0, False), (50.0, 30.1, False)],
)
def test_target_is_a_part_of_the_bare_relay_within_a_round(
    cost: float, memory: float, met: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr("benchmarks.signaling.ARTIFACTS", tmp_path)
    loads = {OURS.name: _rounds(cost, 2 * cost, 3 * cost), RELAY.name: _rounds(40.0, 80.0, 120.0)}
    console = Console(quiet=True)
    kilobytes = {OURS.name: memory, RELAY.name: 10.0}
    assert report(loads, kilobytes, busy=4, idle=20, console=console) is met


@pytest.mark.parametrize("words", [["0"], ["1", "0"], ["1", "10", "3"], ["1", "2", "2", "1", "1"]])
def test_numbers_that_cannot_be_measured_are_refused(words: list[str]) -> None:
    assert main(words) == 2


@pytest.mark.needs("redis-server")
async def test_messages_pass_two_servers_that_share_rooms() -> None:
    shared = await within(measure(Arrangement.APART, 4, 0.2))
    assert shared.rate > 0
    assert 0 < shared.p50 <= shared.p99


def test_what_sharing_costs_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("benchmarks.signaling_shared.ARTIFACTS", tmp_path)
    rounds = [Shared(rate=cost, servers=2, redis=3, p50=4, p99=5) for cost in (10, 1000, 20)]
    console = Console(record=True, width=200, quiet=True)
    report_shared({Arrangement.APART.value: rounds}, 4, console)
    assert (tmp_path / "bench-signaling-shared.json").read_text().count("rate") == 3


@pytest.mark.parametrize("words", [["0"], ["1", "6"], ["1", "4", "1", "1"]])
def test_numbers_of_shared_rooms_that_cannot_be_measured_are_refused(words: list[str]) -> None:
    assert main_shared(words) == 2


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (3, "8183"),
        (125, "81fd"),
        (126, "81fe007e"),
        (65535, "81feffff"),
        (65536, "81ff0000000000010000"),
    ],
)
def test_frames_of_the_load_are_those_of_a_client(size: int, head: str) -> None:
    text = b"x" * size
    assert frame(text) == bytes.fromhex(head) + bytes(4) + text
