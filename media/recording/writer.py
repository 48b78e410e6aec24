"""Writer thread of a recording, which does all that blocks: disk access and transcoding."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol, assert_never

from media.recording.containers import passes
from media.recording.errors import UnsupportedError
from media.recording.events import RecordingFailure, Transcoding
from media.recording.series import FileSeries, SeriesListener
from media.recording.timeline import PlacedFrame
from media.recording.transcode import Transcoder, TranscodingPlan, target_codec
from media.recording.write_queue import Ended, Expect, Finish, WriteQueue
from peer.rtp.codecs import CodecError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from media.recording.containers import Container
    from media.recording.destination import Destination
    from media.recording.segments import SegmentRule
    from media.recording.sidecar import Sidecar
    from peer import Codec


class WriterListener(SeriesListener, Protocol):
    """Listener to the writer, called on its thread."""

    def on_transcoding(self, transcoding: Transcoding) -> None:
        """Note that the transcoding of a track begins."""

    def on_finished(self) -> None:
        """Note that the thread has ended."""


class Writer:
    """Writes the frames of a queue into files, on a thread, until the order to finish.

    Args:
        queue: Source of frames and orders.
        names: Names of the files.
        container: Container of the files.
        rule: Limits of a file.
        plan: Codecs that tracks are written in.
        listener: Called on the thread.
        sidecar: Sidecar of each file; None for none.
    """

    def __init__(
        self,
        queue: WriteQueue,
        *,
        names: Destination,
        container: Container,
        rule: SegmentRule,
        plan: TranscodingPlan,
        listener: WriterListener,
        sidecar: Sidecar | None = None,
    ) -> None:
        self._queue = queue
        self._names = names
        self._container = container
        self._plan = plan
        self._listener = listener
        self._sidecar = sidecar
        self._series = FileSeries(names, container, rule, listener, sidecar)
        # None for a track that is written without transcoding.
        self._transcoders: dict[Hashable, tuple[Codec, Transcoder | None]] = {}
        self._refused: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    def start(self) -> None:
        """Start the writer thread."""
        self._thread.start()

    def _run(self) -> None:
        try:
            while self._work():
                self._series.advance()
        except Exception as error:
            # Without this the recording would hang silently.
            self._listener.on_failure(RecordingFailure(error, None, ended=True))
        finally:
            self._listener.on_finished()

    def _work(self) -> bool:
        for item in self._queue.take():
            match item:
                case PlacedFrame():
                    if self._sidecar is not None:
                        self._sidecar.received(item)
                    for each in self._converted(item):
                        self._series.push(each)
                case Expect(key, codec):
                    self._expect(key, codec)
                case Ended(key):
                    self._finish_transcoder(key)
                    self._series.end(key)
                case Finish():
                    for key in tuple(self._transcoders):
                        self._finish_transcoder(key)
                    self._series.finish()
                    return False
                case _ as never:
                    assert_never(never)
        return True

    def _expect(self, key: Hashable, codec: Codec | None) -> None:
        if codec is None:
            self._series.expect(key)
            return
        target = self._plan.target(codec)
        if target is not None:
            self._series.expect(key, target_codec(target[0]))
        elif passes(self._container, codec):
            self._series.expect(key, codec)

    def _converted(self, placed: PlacedFrame) -> list[PlacedFrame]:
        codec = placed.frame.codec
        known = self._transcoders.get(placed.key)
        if known is None or known[0] != codec:
            self._finish_transcoder(placed.key)
            known = (codec, self._transcoder(codec))
            self._transcoders[placed.key] = known
        if known[1] is not None:
            return known[1].transcode(placed)
        return [placed] if passes(self._container, codec) and not self._is_refused(codec) else []

    def _finish_transcoder(self, key: Hashable) -> None:
        _, transcoder = self._transcoders.pop(key, (None, None))
        if transcoder is not None:
            for each in transcoder.finish():
                self._series.push(each)

    def _transcoder(self, codec: Codec) -> Transcoder | None:
        target = self._plan.target(codec)
        if target is None:
            if not passes(self._container, codec):
                self._refuse(codec, f"{self._container.value} takes no {codec.kind.value}")
            return None
        name, reason = target
        try:
            transcoder = Transcoder(codec, name)
        except CodecError as error:
            self._refuse(codec, str(error))
            return None
        self._listener.on_transcoding(Transcoding(codec.kind, codec.name, name, reason))
        return transcoder

    def _is_refused(self, codec: Codec) -> bool:
        return codec.mimeType in self._refused

    def _refuse(self, codec: Codec, why: str) -> None:
        """Report once that a track cannot be recorded, while the others can."""
        if not self._is_refused(codec):
            self._refused.add(codec.mimeType)
            error = UnsupportedError("record", self._names.name(1), why=why)
            self._listener.on_failure(RecordingFailure(error, None, ended=False))
