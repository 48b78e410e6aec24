"""Events of a recording as JSON lines, for programs that start the recorder."""

from __future__ import annotations

import json
import queue
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from media import Progress, RecordingFailure, Segment, Transcoding

#: Lines that wait for a slow reader at most; further ones are left out (ours).
_MOST_WAITING: Final = 1000
#: Seconds that the end waits for a reader (ours).
_PATIENCE: Final = 5.0


class JsonLines:
    """Writes one JSON object a line, on a thread: a reader that is slow holds up nothing.

    Each object has `event`, its kind, and `time`, in seconds since 1970.

    Args:
        stream: Text stream to write to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="json lines", daemon=True)
        self._thread.start()

    def emit(self, event: str, **fields: object) -> None:
        """Write an object, unless the reader is far behind."""
        line = json.dumps({"event": event, "time": round(time.time(), 3), **fields})
        with suppress(queue.Full):
            self._lines.put_nowait(line)

    def progress(self, progress: Progress) -> None:
        """Write how far a file is, about each second."""
        self.emit(
            "progress",
            path=str(progress.path),
            duration=round(progress.duration, 3),
            size=progress.size,
            frames=progress.frames,
            dropped=progress.dropped,
        )

    def segment(self, segment: Segment) -> None:
        """Write that a file is complete, and why it ended."""
        self.emit(
            "segment",
            path=str(segment.path),
            number=segment.number,
            duration=round(segment.duration, 3),
            size=segment.size,
            end=segment.end.value,
        )

    def transcoding(self, transcoding: Transcoding) -> None:
        """Write that a track is encoded anew from now on."""
        self.emit(
            "transcoding",
            kind=transcoding.kind.value,
            source=transcoding.source,
            target=transcoding.target,
            reason=transcoding.reason.value,
        )

    def failure(self, failure: RecordingFailure) -> None:
        """Write that something failed, and whether the recording ended."""
        path = None if failure.path is None else str(failure.path)
        self.emit("error", message=str(failure.error), path=path, ended=failure.ended)

    def close(self) -> None:
        """Wait until all lines are written, as long as a reader takes them."""
        with suppress(queue.Full):
            self._lines.put(None, timeout=_PATIENCE)
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        # A reader that went away is told nothing more.
        with suppress(OSError, ValueError):
            while (line := self._lines.get()) is not None:
                self._stream.write(line + "\n")
                self._stream.flush()
