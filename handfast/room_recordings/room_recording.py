"""One recording of a room: who asked for it, how far it is, why it ended, and its files."""

from __future__ import annotations

import asyncio
import re
import secrets
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, assert_never

from handfast.recording import Arrangement

if TYPE_CHECKING:
    from media import Segment

#: Random octets of a ticket: 128 bits, which is all that protects the files (ours).
_TICKET: Final = 16
#: Most octets of a room's name in the name of a file (ours); file systems take 255 in all.
_LONGEST: Final = 80
#: Most sentences about what could not be recorded (ours).
_MOST_NOTES: Final = 8


class RecordingLayout(StrEnum):
    """Ways in which the people of a room become files."""

    #: One picture that shows everybody, and one sound.
    GRID = "grid"
    #: A file for each person, as it was sent.
    SEPARATE = "separate"

    @property
    def arrangement(self) -> Arrangement:
        """The arrangement of `handfast record` that does it."""
        match self:
            case RecordingLayout.GRID:
                return Arrangement.COMPOSITE
            case RecordingLayout.SEPARATE:
                return Arrangement.PER_PARTICIPANT
            case _:
                assert_never(self)


class RecordingEnd(StrEnum):
    """Reasons for which a recording ends, as its page is told."""

    #: Who asked for it has ended it.
    STOPPED = "stopped"
    #: Everybody has left the room.
    EMPTY = "empty"
    #: Who asked for it has not asked how far it is for too long.
    UNWATCHED = "unwatched"
    #: It is as long as the server lets it be.
    TIME = "time"
    #: Its files are as large as the server lets them be.
    SIZE = "size"
    #: The disk has too little room left.
    DISK = "disk"
    #: The server stops.
    SERVER = "server"
    #: It could not go on; a sentence says why.
    FAILED = "failed"


class RoomRecording:
    """One recording of a room, from the request to the deletion of its files.

    Args:
        room: Name of the room.
        asker: Name of who asked for it, as the others see it.
        layout: How the people of the room become files.
        folder: Folder of its own, for its files.

    Attributes:
        ticket: Address of the recording, which only who asked for it is told.
        path: The file, or the pattern of the files' names.
        seconds: Recorded duration so far.
        size: Size of all files so far in octets.
        files: Complete files, once it is done.
        notes: Sentences about what could not be recorded.
        watched_at: When who asked for it has last asked how far it is, in the time of the loop.
    """

    def __init__(self, *, room: str, asker: str, layout: RecordingLayout, folder: Path) -> None:
        self.ticket: Final = secrets.token_urlsafe(_TICKET)
        self.room: Final = room
        self.asker: Final = asker
        self.layout: Final = layout
        self.folder: Final = folder
        self.path: Final = folder / f"{_plain(room)}-{datetime.now():%Y-%m-%d-%H%M}.webm"
        self.seconds = 0.0
        self.size = 0
        self.files: tuple[Segment, ...] = ()
        self.notes: list[str] = []
        self.watched_at = 0.0
        self._end: RecordingEnd | None = None
        self._over = asyncio.Event()
        self._done = asyncio.Event()

    def __repr__(self) -> str:
        # Without the ticket, which opens the files.
        state = "runs" if self._end is None else self._end.value
        return f"<RoomRecording of {self.room!r} for {self.asker!r} {state}>"

    @property
    def end(self) -> RecordingEnd | None:
        """Reason for which the recording ended; None while it runs."""
        return self._end

    @property
    def is_done(self) -> bool:
        """True once it has ended and its files are complete."""
        return self._done.is_set()

    def finish(self, end: RecordingEnd, note: str = "") -> None:
        """End the recording for a reason, of which the first counts.

        Args:
            end: Why.
            note: A sentence for a failure.
        """
        if self._end is None:
            self._end = end
            if note:
                self.note(note)
            self._over.set()

    def note(self, sentence: str) -> None:
        """Note what could not be recorded; the first few sentences are kept, each once."""
        if sentence not in self.notes and len(self.notes) < _MOST_NOTES:
            self.notes.append(sentence)

    async def over(self) -> None:
        """Wait until it is to end."""
        await self._over.wait()

    def complete(self) -> None:
        """Note that nothing is written any more."""
        self._done.set()

    async def done(self) -> None:
        """Wait until its files are complete."""
        await self._done.wait()


def _plain(name: str) -> str:
    # What strangers call a room is no path, and no template of one.
    words = re.sub(r"[^\w-]+", "-", name).strip("-")
    return words.encode()[:_LONGEST].decode(errors="ignore") or "room"
