"""Keeps the recordings of all rooms of one server: how many, how large, for how long."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from handfast.room_recordings.room_recording import RecordingEnd, RecordingLayout, RoomRecording
from peer.printable import printable
from signaling import SignalingError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from handfast.room_recordings.bounds import RecordingBounds

_logger = logging.getLogger(__name__)

#: Seconds between two looks at size, disk and time (ours).
_LOOK: Final = 1.0


class RecordingRefusal(StrEnum):
    """Reasons for which no recording begins, as the page is told."""

    #: Whoever asks is in no room of this server.
    NOT_A_MEMBER = "not-a-member"
    #: The token does not give the right to record.
    FORBIDDEN = "forbidden"
    #: The room is recorded already.
    RUNNING = "running"
    #: As many recordings run, or are kept, as the server takes.
    FULL = "full"
    #: The disk has too little room left, or takes no folder.
    DISK = "disk"


class RecordingRefusedError(Exception):
    """A request for a recording of a room is refused.

    Attributes:
        refusal: The kind of reason.
        reason: One sentence.
    """

    def __init__(self, refusal: RecordingRefusal, reason: str) -> None:
        self.refusal = refusal
        self.reason = reason
        super().__init__(reason)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


class RoomRecordings:
    """All recordings of one server, by ticket.

    Args:
        folder: Folder for them, which nobody else can read.
        bounds: Their bounds.
        record: Records a room until the recording is over; returns once its files are complete.
        free: Returns the free octets of the disk of a folder.
    """

    def __init__(
        self,
        folder: Path,
        bounds: RecordingBounds,
        record: Callable[[RoomRecording], Awaitable[None]],
        *,
        free: Callable[[Path], int] = _free,
    ) -> None:
        self.bounds: Final = bounds
        self._folder = folder
        self._record = record
        self._free = free
        self._known: dict[str, RoomRecording] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}
        self._deletions: set[asyncio.Future[None]] = set()
        self._closed = False

    def __repr__(self) -> str:
        return f"<RoomRecordings running={len(self._running)} known={len(self._known)}>"

    def begin(self, *, room: str, asker: str, layout: RecordingLayout) -> RoomRecording:
        """Begin to record a room.

        Raises:
            RecordingRefusedError: A bound is reached, or the room is recorded already.
        """
        if room in self._running:
            raise RecordingRefusedError(
                RecordingRefusal.RUNNING, "this room is being recorded already"
            )
        if self._closed or len(self._running) >= self.bounds.at_once:
            raise RecordingRefusedError(
                RecordingRefusal.FULL, "this server records as many rooms as it takes at one time"
            )
        folder = self._folder / secrets.token_hex(8)
        try:
            if self._free(self._folder) < self.bounds.free:
                raise RecordingRefusedError(
                    RecordingRefusal.DISK, "the disk of the server has too little room"
                )
            self._make_place(room)
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise RecordingRefusedError(
                RecordingRefusal.DISK, f"the server cannot save it: {error.strerror or error}"
            ) from error
        recording = RoomRecording(room=room, asker=asker, layout=layout, folder=folder)
        self._known[recording.ticket] = recording
        self.watch(recording)
        self._running[room] = asyncio.create_task(self._run(recording), name="room recording")
        self._tell("recording began", recording)
        return recording

    def find(self, ticket: str) -> RoomRecording | None:
        """Return the recording of a ticket; None where there is none, or none any more."""
        return self._known.get(ticket)

    def watch(self, recording: RoomRecording) -> None:
        """Note that who asked for a recording has asked how far it is."""
        recording.watched_at = asyncio.get_running_loop().time()

    def kept_for(self, recording: RoomRecording) -> float:
        """Return the seconds for which the files of a finished recording are still there."""
        expiry = self._expiries.get(recording.ticket)
        if expiry is None:
            return self.bounds.kept_for
        return max(0.0, expiry.when() - asyncio.get_running_loop().time())

    def end_all(self) -> None:
        """End all recordings, as the server stops; files that are complete can be downloaded."""
        self._closed = True
        for recording in self._known.values():
            recording.finish(RecordingEnd.SERVER)

    async def close(self) -> None:
        """End all recordings, and delete all files."""
        self.end_all()
        if self._running:
            await asyncio.wait([*self._running.values()])
        for ticket in [*self._known]:
            self._forget(ticket)
        if self._deletions:
            await asyncio.wait(self._deletions)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _make_place(self, room: str) -> None:
        done = [each for each in self._known.values() if each.is_done]
        of_room = [each for each in done if each.room == room]
        if len(of_room) >= self.bounds.kept_of_room:
            self._forget(of_room[0].ticket)
        elif len(self._known) >= self.bounds.kept:
            # Of others only what holds nothing: nobody's files go for somebody else's.
            gone = next((each for each in done if not each.files), None)
            if gone is None:
                raise RecordingRefusedError(
                    RecordingRefusal.FULL, "this server keeps as many recordings as it takes"
                )
            self._forget(gone.ticket)

    async def _run(self, recording: RoomRecording) -> None:
        watching = asyncio.create_task(self._end_at_bounds(recording))
        try:
            await self._record(recording)
        except SignalingError as error:
            recording.finish(RecordingEnd.FAILED, f"the recorder cannot be in the room: {error}")
        except OSError as error:
            recording.finish(RecordingEnd.FAILED, f"it cannot be saved: {error.strerror or error}")
        except Exception:
            # A fault of ours costs this recording, and is not told to strangers.
            _logger.exception("the recording of a room failed by a fault of ours")
            recording.finish(RecordingEnd.FAILED, "the recorder failed")
        finally:
            watching.cancel()
            recording.finish(RecordingEnd.FAILED, "the recorder stopped")
            del self._running[recording.room]
            if not recording.files:
                self._delete(recording.folder)
            loop = asyncio.get_running_loop()
            self._expiries[recording.ticket] = loop.call_later(
                self.bounds.kept_for, self._forget, recording.ticket
            )
            recording.complete()
            self._tell("recording ended", recording)

    async def _end_at_bounds(self, recording: RoomRecording) -> None:
        """End a recording at the first bound that it reaches."""
        loop = asyncio.get_running_loop()
        longest = loop.time() + self.bounds.longest
        while (left := longest - loop.time()) > 0:
            await asyncio.sleep(min(_LOOK, left))
            unwatched = loop.time() - recording.watched_at
            if recording.size >= self.bounds.largest:
                recording.finish(RecordingEnd.SIZE)
            elif self._free(self._folder) < self.bounds.free:
                recording.finish(RecordingEnd.DISK)
            elif unwatched >= self.bounds.unwatched:
                recording.finish(RecordingEnd.UNWATCHED)
        recording.finish(RecordingEnd.TIME)

    def _forget(self, ticket: str) -> None:
        expiry = self._expiries.pop(ticket, None)
        if expiry is not None:
            expiry.cancel()
        recording = self._known.pop(ticket, None)
        if recording is not None:
            self._delete(recording.folder)

    def _delete(self, folder: Path) -> None:
        # A file system may take long over a file of gigabytes.
        deletion = asyncio.get_running_loop().run_in_executor(None, _remove, folder)
        self._deletions.add(deletion)
        deletion.add_done_callback(self._deletions.discard)

    def _tell(self, event: str, recording: RoomRecording) -> None:
        facts: dict[str, str | float] = {
            "room": printable(recording.room),
            "asker": printable(recording.asker),
        }
        if recording.end is not None:
            facts |= {
                "end": recording.end.value,
                "seconds": round(recording.seconds, 1),
                "octets": recording.size,
                "notes": "; ".join(map(printable, recording.notes)),
            }
        words = " ".join(f"{name}={fact!r}" for name, fact in facts.items())
        _logger.info("%s: %s", event, words, extra={"event": event, "facts": facts})
