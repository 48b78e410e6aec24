"""How targets of the recording benchmark are missed."""

from __future__ import annotations

import pytest

from benchmarks.harness import Report, Series
from benchmarks.record import AIORTC, GSTREAMER, Subject, targets


def subject(name: str, bound: float | None) -> Subject:
    return Subject(name, bound, (), suffix="webm", clips=((), ()), seconds=1.0)


SUBJECTS = [subject("ours", None), subject("aiortc", AIORTC), subject("GStreamer", GSTREAMER)]


def report(*times: tuple[float, ...]) -> Report:
    names = (each.name for each in SUBJECTS)
    return Report("test", tuple(Series(*both) for both in zip(names, times, strict=True)))


def test_targets_that_are_reached_are_not_missed() -> None:
    found = targets(report((10.0, 20.0), (100.0, 200.0), (5.0, 10.0)), SUBJECTS)
    assert [target.met for target in found] == [True, True]


@pytest.mark.parametrize(
    ("aiortc", "gstreamer", "name"), [(99.0, 5.0, "aiortc"), (100.0, 4.9, "GStreamer")]
)
def test_each_recording_target_can_be_missed(aiortc: float, gstreamer: float, name: str) -> None:
    found = targets(report((10.0,), (aiortc,), (gstreamer,)), SUBJECTS)
    (missed,) = (target for target in found if not target.met)
    assert name in missed.name


def test_recording_without_gstreamer_leaves_its_target_unmeasured() -> None:
    found = targets(report((10.0,), (100.0,), (5.0,)), SUBJECTS[:2])
    assert [target.verdict for target in found] == ["Met", "not measured"]
