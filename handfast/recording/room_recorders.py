"""Records several participants into one file, into one file each, or as one composite."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, assert_never

from media import AudioMixer, Composite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from media import RecorderState, RecorderStats
    from peer import MediaStreamTrack


#: Octets of a participant's name in a file name (ours); file systems take 255 in all.
_LONGEST: Final = 128


class Arrangement(StrEnum):
    """Ways in which several participants become files."""

    #: One file for each participant, of which the first to send has the plain name.
    SEPARATE = "separate"
    #: All tracks side by side in one file, as they come; players show the first ones only.
    TOGETHER = "together"
    #: One file for each participant.
    PER_PARTICIPANT = "per-participant"
    #: The first participant who sends, alone: a stream holds one.
    FIRST = "first"
    #: One video track that shows all participants, and one audio track that mixes them.
    COMPOSITE = "composite"


class FileRecorder(Protocol):
    """Records tracks into one file or a series, as `media.Recorder` does."""

    @property
    def stats(self) -> RecorderStats:
        """Counters of the recording."""

    @property
    def state(self) -> RecorderState:
        """State of the recording: inactive, recording or paused."""

    def addTrack(self, track: MediaStreamTrack, *, name: str = "") -> None:
        """Record a track of a participant.

        Raises:
            ValueError: The file cannot hold the track.
            InvalidStateError: The recording has failed.
        """

    async def start(self) -> None:
        """Record from now on."""

    async def stop(self) -> None:
        """Complete the last file."""


class RoomRecorder(Protocol):
    """Records the tracks of the participants of a room into files."""

    @property
    def recorders(self) -> Sequence[FileRecorder]:
        """Recorders that run or have written a file, the oldest first."""

    async def participant_joined(self, member: str, *, name: str) -> None:
        """Prepare for a member that joined; nothing is written before its first track.

        Args:
            member: Unique name of the member.
            name: Name that the member chose.
        """

    async def add_track(self, member: str, track: MediaStreamTrack) -> None:
        """Record a track of a member.

        Raises:
            ValueError: The container cannot hold the track.
            InvalidStateError: The recording has failed.
        """

    async def participant_left(self, member: str) -> None:
        """Complete the recording of a member that left."""

    async def close(self) -> None:
        """Complete every file of the recording."""


def room_recorder_for(
    arrangement: Arrangement,
    path: Path,
    make: Callable[[Path], FileRecorder],
    *,
    pictures: bool = True,
) -> RoomRecorder:
    """Create the recorder for an arrangement.

    Args:
        arrangement: How several participants become files.
        path: The file, or the pattern of their names.
        make: Creates a `Recorder` whose events are handled.
        pictures: Whether a composite has a picture.
    """
    match arrangement:
        case Arrangement.FIRST:
            return FirstRecorder(path, make)
        case Arrangement.TOGETHER:
            return SingleFileRecorder(path, make)
        case Arrangement.SEPARATE:
            return PerParticipantRecorder(path, make, plain_first=True)
        case Arrangement.PER_PARTICIPANT:
            return PerParticipantRecorder(path, make)
        case Arrangement.COMPOSITE:
            return CompositeRecorder(path, make, pictures=pictures)
        case _:
            assert_never(arrangement)


def files_of(arrangement: Arrangement, path: Path) -> str:
    """Return the sentence that says which files a recording will be.

    Args:
        arrangement: How several participants become files.
        path: The file, or the pattern of their names.
    """
    each = path.with_stem(f"{path.stem}-NAME")
    match arrangement:
        case Arrangement.SEPARATE:
            return (
                f"The first who sends is recorded to {path}, each other one to a file of their"
                f" own, {each}; --composite makes one file of all."
            )
        case Arrangement.TOGETHER:
            return f"All are recorded to {path}, side by side: players show the first one."
        case Arrangement.PER_PARTICIPANT:
            return f"Each participant is recorded to a file of their own, {each}."
        case Arrangement.FIRST:
            return "The first who sends is recorded to standard output, and nobody else."
        case Arrangement.COMPOSITE:
            return f"All are recorded to {path} as one picture and one sound."
        case _:
            assert_never(arrangement)


class SingleFileRecorder:
    """Records all participants into one file, or a series where a container cannot follow.

    Args:
        path: The file to record to.
        make: Creates a `Recorder` whose events are handled.
    """

    def __init__(self, path: Path, make: Callable[[Path], FileRecorder]) -> None:
        self._recorder = make(path)
        self.recorders = [self._recorder]
        self._names: dict[str, str] = {}
        self._started = False

    async def participant_joined(self, member: str, *, name: str) -> None:
        """Start the recorder with the first member."""
        self._names[member] = name
        if not self._started:
            self._started = True
            await self._recorder.start()

    async def add_track(self, member: str, track: MediaStreamTrack) -> None:
        """Record a track beside the others."""
        self._recorder.addTrack(track, name=self._names.get(member, ""))

    async def participant_left(self, member: str) -> None:
        """Forget the member's name, as the tracks of the member have ended by themselves."""
        self._names.pop(member, None)

    async def close(self) -> None:
        """Complete the file of the recording."""
        await self._recorder.stop()


class FirstRecorder(SingleFileRecorder):
    """Records the first participant who sends, and refuses all others.

    Args:
        path: The file to record to.
        make: Creates a `Recorder` whose events are handled.
    """

    def __init__(self, path: Path, make: Callable[[Path], FileRecorder]) -> None:
        super().__init__(path, make)
        self._first: str | None = None

    async def add_track(self, member: str, track: MediaStreamTrack) -> None:
        """Record a track of the first member who sends.

        Raises:
            ValueError: Another member was first.
        """
        if self._first is None:
            self._first = member
        if member != self._first:
            raise ValueError("one stream holds one participant; --composite shows all")
        await super().add_track(member, track)


class PerParticipantRecorder:
    """Records a file for each participant that sends, named after it.

    Args:
        path: `out.webm` for `out-alice.webm`.
        make: Creates a `Recorder` whose events are handled.
        plain_first: True to give `path` itself to the first participant that sends.
    """

    def __init__(
        self, path: Path, make: Callable[[Path], FileRecorder], *, plain_first: bool = False
    ) -> None:
        self._path = path
        self._make = make
        self._plain_first = plain_first
        self._names: dict[str, str] = {}
        # By member: under which name, and by which recorder.
        self._present: dict[str, tuple[str, FileRecorder]] = {}
        self.recorders: list[FileRecorder] = []

    async def participant_joined(self, member: str, *, name: str) -> None:
        """Remember the member's name for its file."""
        self._names[member] = name

    async def add_track(self, member: str, track: MediaStreamTrack) -> None:
        """Record a track into the member's file, which begins with the first one."""
        if member in self._present:
            _, recorder = self._present[member]
            recorder.addTrack(track, name=self._names.get(member, ""))
            return
        free = self._free(name=self._names[member], member=member)
        plain = self._plain_first and not self.recorders
        recorder = self._make(
            self._path if plain else self._path.with_stem(f"{self._path.stem}-{free}")
        )
        self._present[member] = free, recorder
        self.recorders.append(recorder)
        recorder.addTrack(track, name=self._names[member])
        await recorder.start()

    async def participant_left(self, member: str) -> None:
        """Complete the member's file."""
        self._names.pop(member, None)
        if member not in self._present:
            return
        _, recorder = self._present[member]
        # Present until its file is complete: a caller may be cancelled, and call again.
        await recorder.stop()
        self._present.pop(member, None)
        if not recorder.stats.files and recorder in self.recorders:
            # Who sends nothing leaves nothing behind, a name included.
            self.recorders.remove(recorder)

    async def close(self) -> None:
        """Complete every file of the recording."""
        for member in tuple(self._present):
            await self.participant_left(member)

    def _free(self, *, name: str, member: str) -> str:
        # What a stranger calls themselves is no path, and no template of one.
        plain = re.sub(r"[^\w-]+", "-", name).strip("-")
        wanted = plain.encode()[:_LONGEST].decode(errors="ignore") or member
        # A file of somebody who has left is not written over in any case.
        taken = any(wanted == other for other, _ in self._present.values())
        return f"{wanted}-{member}" if taken else wanted


class CompositeRecorder:
    """Records one video track that shows all participants, and one mixed audio track.

    Args:
        path: The file to record to.
        make: Creates a `Recorder` whose events are handled.
        pictures: Whether it has a picture, and not the sound alone.
    """

    def __init__(
        self, path: Path, make: Callable[[Path], FileRecorder], *, pictures: bool = True
    ) -> None:
        self._recorder = make(path)
        self.recorders = [self._recorder]
        self._mixer = AudioMixer(channels=2)
        self._picture = Composite(mixer=self._mixer) if pictures else None
        self._names: dict[str, str] = {}
        self._started = False

    async def participant_joined(self, member: str, *, name: str) -> None:
        """Remember the member's name for its label."""
        self._names[member] = name

    async def add_track(self, member: str, track: MediaStreamTrack) -> None:
        """Add a track to the mix, which is recorded from the first track on."""
        if track.kind == "audio":
            self._mixer.add(track)
        elif self._picture is not None:
            self._picture.add(track, name=self._names[member])
        if not self._started:
            self._started = True
            self._recorder.addTrack(self._mixer.track())
            if self._picture is not None:
                self._recorder.addTrack(self._picture.track())
            await self._recorder.start()

    async def participant_left(self, member: str) -> None:
        """Forget the member's name; its tracks have ended and so left the mix."""
        self._names.pop(member, None)

    async def close(self) -> None:
        """Complete the file of the recording."""
        await self._recorder.stop()
        await self._mixer.close()
        if self._picture is not None:
            await self._picture.close()
