"""Opening an encoder does not give threads a real-time priority."""

from __future__ import annotations

import os
import sys

import pytest

from peer.rtp.codecs import VideoEncoder
from peer.rtp.codecs.scheduling import ordinary_scheduling
from tests.support.media.moving import codec_named, moving_picture

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for its threads")


def policies() -> set[int]:
    return {os.sched_getscheduler(int(task)) for task in os.listdir("/proc/self/task")}


@pytest.mark.parametrize("name", ["VP8", "H264", "VP9", "AV1"])
def test_no_thread_is_real_time_after_opening_an_encoder(name: str) -> None:
    encoder = VideoEncoder(codec_named(name), bitrate=300_000)
    for index in range(3):
        assert encoder.encode(moving_picture(index), keyframe=False)
        assert policies() == {os.SCHED_OTHER}


def test_scheduling_is_restored_after_a_failure() -> None:
    # In place of SCHED_FIFO, which only root may choose.
    with pytest.raises(ZeroDivisionError), ordinary_scheduling():
        _change_scheduling_and_fail()
    assert policies() == {os.SCHED_OTHER}


def _change_scheduling_and_fail() -> None:
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    raise ZeroDivisionError
