"""Owns how several people become files: all together, one file each, or one picture and sound."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, assert_never

from media import AudioMixer, Composite, Container

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from media import Recorder
    from peer import MediaStreamTrack


#: Octets of a participant's name in that of a file; file systems take 255 in all.
_LONGEST: Final = 128


class Arrangement(StrEnum):
    """The choice."""

    #: Every track beside the others, as it came.
    TOGETHER = "together"
    #: A file for each participant.
    PER_PARTICIPANT = "per-participant"
    #: One picture of all, one sound of all.
    COMPOSITE = "composite"


class RoomRecorder(Protocol):
    """Takes tracks, and makes files of them.

    Attributes:
        recorders: All that run or have written something, the oldest first.
    """

    recorders: list[Recorder]

    async def participant_joined(self, member: str, name: str) -> None:
        """Somebody joined the room; nothing is written before they send something.

        Args:
            member: Unique.
            name: As they call themselves.
        """

    async def add_track(self, member: str, track: MediaStreamTrack) -> None:
        """Record a track of theirs.

        Raises:
            ValueError: The container has no place for it.
            InvalidStateError: The recording has failed.
        """

    async def participant_left(self, member: str) -> None:
        """Somebody left."""

    async def close(self) -> None:
        """Complete every file."""


def room_recorder_for(
    arrangement: Arrangement, path: Path, make: Callable[[Path], Recorder]
) -> RoomRecorder:
    """The one for this choice.

    Args:
        arrangement: The choice.
        path: Of the file, or the first of them.
        make: Makes a recorder that is watched.
    """
    match arrangement:
        case Arrangement.TOGETHER:
            return SingleFileRecorder(path, make)
        case Arrangement.PER_PARTICIPANT:
            return PerParticipantRecorder(path, make)
        case Arrangement.COMPOSITE:
            return CompositeRecorder(path, make)
        case _:
            assert_never(arrangement)


class SingleFileRecorder:
    """Everything in one file, or a series where a container cannot follow.

    Args:
        path: Of the file.
        make: Makes a recorder that is watched.
    """

    def __init__(self, path: Path, make: Callable[[Path], Recorder]) -> None:
        self._recorder = make(path)
        self.recorders = [self._recorder]
        self._started = False

    async def participant_joined(self, member: str, name: str) -> None:
        """Be ready."""
        if not self._started:
            self._started = True
            await self._recorder.start()

    async def add_track(self, member: str, track: MediaStreamTrack) -> None:
        """Beside the others."""
        self._recorder.addTrack(track)

    async def participant_left(self, member: str) -> None:
        """Their tracks have ended by themselves."""

    async def close(self) -> None:
        """Complete the file."""
        await self._recorder.stop()


class PerParticipantRecorder:
    """A file for each, named after them.

    Args:
        path: `out.webm` for `out-alice.webm`.
        make: Makes a recorder that is watched.
    """

    def __init__(self, path: Path, make: Callable[[Path], Recorder]) -> None:
        self._path = path
        self._make = make
        # By member: under which name, and by which recorder.
        self._present: dict[str, tuple[str, Recorder]] = {}
        self.recorders: list[Recorder] = []

    async def participant_joined(self, member: str, name: str) -> None:
        """A recorder of their own."""
        free = self._free(name, member)
        recorder = self._make(self._path.with_stem(f"{self._path.stem}-{free}"))
        self._present[member] = free, recorder
        self.recorders.append(recorder)
        await recorder.start()

    async def add_track(self, member: str, track: MediaStreamTrack) -> None:
        """Into their file."""
        _, recorder = self._present[member]
        recorder.addTrack(track)

    async def participant_left(self, member: str) -> None:
        """Complete their file."""
        if member not in self._present:
            return
        _, recorder = self._present.pop(member)
        await recorder.stop()
        if not recorder.stats.files:
            # Who only looks in, however often, leaves nothing behind.
            self.recorders.remove(recorder)

    async def close(self) -> None:
        """Complete every file."""
        for member in tuple(self._present):
            await self.participant_left(member)

    def _free(self, name: str, member: str) -> str:
        # What a stranger calls themselves is no path, and no template of one.
        plain = re.sub(r"[^\w-]+", "-", name).strip("-")
        wanted = plain.encode()[:_LONGEST].decode(errors="ignore") or member
        # A file of somebody who has left is not written over in any case.
        taken = any(wanted == other for other, _ in self._present.values())
        return f"{wanted}-{member}" if taken else wanted


class CompositeRecorder:
    """One picture with everybody in it, and one sound.

    Args:
        path: Of the file.
        make: Makes a recorder that is watched.
    """

    def __init__(self, path: Path, make: Callable[[Path], Recorder]) -> None:
        self._recorder = make(path)
        self.recorders = [self._recorder]
        self._mixer = AudioMixer(channels=2)
        self._picture = Composite(mixer=self._mixer) if Container.of(path).holds_video else None
        self._names: dict[str, str] = {}
        self._started = False

    async def participant_joined(self, member: str, name: str) -> None:
        """Remember the name."""
        self._names[member] = name

    async def add_track(self, member: str, track: MediaStreamTrack) -> None:
        """Into the mix, which is recorded from the first track on."""
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
        """Their tracks have ended, and so they have left the mix."""
        self._names.pop(member, None)

    async def close(self) -> None:
        """Complete the file."""
        await self._recorder.stop()
        await self._mixer.close()
        if self._picture is not None:
            await self._picture.close()
