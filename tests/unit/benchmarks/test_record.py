"""How targets of the recording benchmark are missed."""

from __future__ import annotations

import pytest

from benchmarks.harness import Report, Series
from benchmarks.record import AIORTC, GSTREAMER, Subject, missed


def subject(name: str, bound: float | None) -> Subject:
    return Subject(name, bound, (), suffix="webm", clips=((), ()), seconds=1.0)


SUBJECTS = [subject("ours", None), subject("aiortc", AIORTC), subject("GStreamer", GSTREAMER)]


def report(*times: tuple[float, ...]) -> Report:
    names = (each.name for each in SUBJECTS)
    return Report("test", tuple(Series(*both) for both in zip(names, times, strict=True)))


def test_targets_that_are_reached_are_not_missed() -> None:
    assert missed(report((10.0, 20.0), (100.0, 200.0), (5.0, 10.0)), SUBJECTS) == []


@pytest.mark.parametrize(
    ("aiortc", "gstreamer", "name"), [(99.0, 5.0, "aiortc"), (100.0, 4.9, "GStreamer")]
)
def test_each_recording_target_can_be_missed(aiortc: float, gstreamer: float, name: str) -> None:
    (said,) = missed(report((10.0,), (aiortc,), (gstreamer,)), SUBJECTS)
    assert name in said
