"""Recording of the tracks that one page sends, at the page's request.

A page sends requests on the data channel `recording`, and gets progress and the address of the
result there. It has one recording at a time, which is deleted at the end of its call.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from media import Recorder

if TYPE_CHECKING:
    from handfast.demo.clips import Clip, ClipFolder
    from media import Progress, RecordingFailure
    from peer import DataChannel, MediaStreamTrack

#: Path under which the site serves recordings, relative to the page.
ADDRESS: Final = "recordings/"
#: Seconds, and octets, after which a recording ends by itself (ours).
LONGEST: Final = 60.0
LARGEST: Final = 50_000_000


class RecordAction(StrEnum):
    """Actions that a page can request."""

    START = "start"
    STOP = "stop"


class RecordRequest(msgspec.Struct, frozen=True):
    """Message of a page that starts or stops its recording."""

    action: RecordAction


class RecordingState(StrEnum):
    """States of a page's recording."""

    RECORDING = "recording"
    READY = "ready"
    FAILED = "failed"


class RecordingStatus(msgspec.Struct, frozen=True):
    """Message to the page about its recording.

    Args:
        state: State of the recording.
        seconds: Recorded duration so far.
        size: Size of the file in octets.
        url: Address of the file once it is ready, relative to the page.
        reason: Why the recording failed; one sentence without its stop.
    """

    state: RecordingState
    seconds: float = 0.0
    size: int = 0
    url: str = ""
    reason: str = ""


class PageRecorder:
    """Records the tracks that one page sends.

    Args:
        clips: Folder for the recordings.
        longest: Seconds after which a recording ends.
        largest: Octets after which a recording ends; checked each second.
    """

    def __init__(
        self, clips: ClipFolder, *, longest: float = LONGEST, largest: int = LARGEST
    ) -> None:
        self._clips = clips
        self._longest = longest
        self._largest = largest
        self._tracks: dict[str, MediaStreamTrack] = {}
        self._channel: DataChannel | None = None
        self._started = asyncio.Event()
        self._stopped = asyncio.Event()

    def add_track(self, track: MediaStreamTrack) -> None:
        """Add a track to later recordings: the first live one of each kind counts."""
        former = self._tracks.get(track.kind)
        if former is None or former.readyState != "live":
            self._tracks[track.kind] = track

    def attach(self, channel: DataChannel) -> None:
        """Serve the requests of this channel; later channels are ignored, as a page has one."""
        if self._channel is None:
            self._channel = channel
            channel.on("message", self._on_message)

    async def run(self) -> None:
        """Record at the page's request until cancelled, then delete the recording."""
        clip: Clip | None = None
        try:
            while True:
                await self._started.wait()
                if clip is not None:
                    clip.delete()
                    clip = None
                try:
                    clip = self._clips.new()
                except OSError as error:
                    self._tell(
                        RecordingStatus(RecordingState.FAILED, reason=error.strerror or str(error))
                    )
                else:
                    self._tell(await self._record(clip))
                self._started.clear()
        finally:
            if clip is not None:
                clip.delete()

    def _on_message(self, message: str | bytes) -> None:
        try:
            request = msgspec.json.decode(message, type=RecordRequest)
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return
        if request.action is RecordAction.STOP:
            self._stopped.set()
        elif not self._started.is_set():
            self._stopped.clear()
            self._started.set()

    async def _record(self, clip: Clip) -> RecordingStatus:
        tracks = [track for track in self._tracks.values() if track.readyState == "live"]
        if not tracks:
            return RecordingStatus(
                RecordingState.FAILED, reason="this page sends neither picture nor sound"
            )
        failures: list[RecordingFailure] = []

        def on_progress(progress: Progress) -> None:
            self._tell(RecordingStatus(RecordingState.RECORDING, progress.duration, progress.size))
            if progress.size >= self._largest:
                self._stopped.set()

        def on_error(failure: RecordingFailure) -> None:
            failures.append(failure)
            if failure.ended:
                self._stopped.set()

        recorder = Recorder(clip.path)
        recorder.on("progress", on_progress)
        recorder.on("error", on_error)
        for track in tracks:
            recorder.addTrack(track)
        await recorder.start()
        self._tell(RecordingStatus(RecordingState.RECORDING))
        try:
            async with asyncio.timeout(self._longest):
                await self._stopped.wait()
        except TimeoutError:
            pass
        finally:
            await recorder.stop()
        return _outcome(recorder, clip, failures)

    def _tell(self, take: RecordingStatus) -> None:
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(msgspec.json.encode(take).decode())


def _outcome(recorder: Recorder, clip: Clip, failures: list[RecordingFailure]) -> RecordingStatus:
    file = next((one for one in recorder.stats.files if one.path == clip.path), None)
    if file is None or file.size == 0:
        reason = str(failures[0].error) if failures else "nothing arrived from this page"
        return RecordingStatus(RecordingState.FAILED, reason=reason)
    clip.publish()
    return RecordingStatus(RecordingState.READY, file.duration, file.size, url=ADDRESS + clip.name)
