from __future__ import annotations

import io
import json
import threading
from pathlib import Path

from handfast.recording.json_lines import JsonLines
from media import Progress, RecordingFailure, Segment, SegmentEnd, Transcoding, TranscodingReason
from peer.rtp_parameters import MediaKind
from tests.support.clock.deadline import DEADLINE


def test_each_event_is_an_object_on_a_line_of_its_own() -> None:
    stream = io.StringIO()
    lines = JsonLines(stream)
    lines.emit("joined", name='\n"é\u2028')
    lines.progress(Progress(Path("a"), 1.5, 10, 20, 0))
    lines.segment(Segment(Path("a"), 1, 1.5, 10, SegmentEnd.STOPPED))
    lines.transcoding(Transcoding(MediaKind.VIDEO, "H264", "VP8", TranscodingReason.CONTAINER))
    lines.failure(RecordingFailure(OSError("full"), None, ended=True))
    lines.close()
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert all(each.pop("time") > 1e9 for each in found)
    assert found == [
        {"event": "joined", "name": '\n"é\u2028'},
        {
            "event": "progress",
            "path": "a",
            "duration": 1.5,
            "size": 10,
            "frames": 20,
            "dropped": 0,
        },
        {
            "event": "segment",
            "path": "a",
            "number": 1,
            "duration": 1.5,
            "size": 10,
            "end": "stopped",
        },
        {
            "event": "transcoding",
            "kind": "video",
            "source": "H264",
            "target": "VP8",
            "reason": "container",
        },
        {"event": "error", "message": "full", "path": None, "ended": True},
    ]


def test_reader_that_does_not_read_holds_nobody_up_and_gets_a_bounded_number_of_lines() -> None:
    go = threading.Event()

    class Slow(io.StringIO):
        def write(self, text: str) -> int:
            assert go.wait(DEADLINE)
            return super().write(text)

    stream = Slow()
    lines = JsonLines(stream)
    for number in range(5000):
        lines.emit("progress", number=number)
    go.set()
    lines.close()
    numbers = [json.loads(line)["number"] for line in stream.getvalue().splitlines()]
    assert numbers[:1000] == list(range(1000))
    assert 1000 <= len(numbers) <= 1001


def test_reader_that_goes_away_is_no_error() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    lines = JsonLines(Gone())
    lines.emit("progress")
    lines.close()
