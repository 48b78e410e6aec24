"""The recorder as a participant of a room: everybody sees it, and whoever sends is recorded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from handfast.recording.room_recorders import room_recorder_for
from handfast.room_recordings.room_recording import RecordingEnd, RoomRecording
from handfast.room_recordings.seats import RECORDER_NAME
from media import Recorder, RecorderState
from peer import BufferFullError, InvalidStateError
from peer.printable import printable
from peer.values import dataclass
from signaling import ChannelClosed, join
from signaling.tasks import first_of

if TYPE_CHECKING:
    from pathlib import Path
    from ssl import SSLContext

    from handfast.recording.room_recorders import FileRecorder
    from handfast.room_recordings.seats import RecorderSeats
    from media import RecordingFailure
    from peer import DataChannel
    from signaling import Participant, ParticipantLeft, Room
    from signaling.room_events import RoomTrackEvent

#: Label of the data channel on which each page is told of the recording (docs/CLIENT.md).
_LABEL: Final = "recording"
#: Seconds between two messages to each page (ours).
_TELL: Final = 1.0
#: Octets in the buffer of a page's channel above which it is told nothing (ours).
_BUFFERED: Final = 16_384


class RecordingNotice(msgspec.Struct, frozen=True):
    """Message to everybody in the room: that it is recorded, and who asked for it.

    Args:
        by: Name of who asked.
        seconds: Recorded duration so far.
    """

    by: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderDoor:
    """The way of the server's own recorders into its rooms.

    Args:
        url: Address of the server's WebSocket on this machine.
        trust: TLS context for `wss:`.
        seats: Where they are let in.
        alone: Seconds for which one waits in a room that everybody has left.
    """

    url: str
    trust: SSLContext | None
    seats: RecorderSeats
    alone: float

    async def record(self, recording: RoomRecording) -> None:
        """Record a room until the recording is over, or everybody has left.

        Raises:
            SignalingError: The room cannot be joined.
        """
        with self.seats.seat_in(recording.room) as token:
            async with join(
                self.url,
                room=recording.room,
                name=RECORDER_NAME,
                token=token,
                ssl=self.trust,
                # Through the front door like everybody else, but always from this machine.
                insecure=True,
            ) as room:
                await _Session(recording, room, self.alone).run()


class _Session:
    """Records the participants of a room that was joined."""

    def __init__(self, recording: RoomRecording, room: Room, alone: float) -> None:
        self._recording = recording
        self._room = room
        self._alone = alone
        self._recorder = room_recorder_for(recording.layout.arrangement, recording.path, self._make)
        self._members: dict[Participant, str] = {}
        self._channels: dict[Participant, DataChannel] = {}
        self._changed = asyncio.Event()
        room.on("participantjoined", self._meet)
        room.on("participantleft", self._part)
        room.on("track", self._take)

    async def run(self) -> None:
        try:
            await first_of(
                self._recording.over(), self._until_alone(), self._tell(), self._until_out()
            )
        finally:
            await self._recorder.close()
            stats = [each.stats for each in self._recorder.recorders]
            self._recording.files = tuple(file for each in stats for file in each.files)
            self._measure()

    async def _meet(self, participant: Participant) -> None:
        self._changed.set()
        recording = self._recording
        self._members[participant] = participant.member
        name = printable(participant.name) or participant.member
        await self._recorder.participant_joined(participant.member, name=name)
        try:
            self._channels[participant] = participant.connection.createDataChannel(_LABEL)
            # For whoever is not the page of a room.
            participant.send(f"This room is recorded, as {recording.asker or 'somebody'} asked.")
        except (InvalidStateError, BufferFullError):
            # Somebody who is gone again already.
            return

    async def _part(self, left: ParticipantLeft) -> None:
        self._changed.set()
        self._channels.pop(left.participant, None)
        member = self._members.pop(left.participant, None)
        if member is not None:
            await self._recorder.participant_left(member)

    async def _take(self, event: RoomTrackEvent) -> None:
        member = self._members.get(event.participant)
        if member is None:
            return
        try:
            await self._recorder.add_track(member, event.track)
        except (ValueError, InvalidStateError) as error:
            name = printable(event.participant.name) or member
            self._recording.note(f"not recorded of {name}: {error}")

    async def _until_alone(self) -> None:
        """End the recording once everybody has been gone for a while."""
        while True:
            self._changed.clear()
            if self._room.participants:
                await self._changed.wait()
                continue
            try:
                async with asyncio.timeout(self._alone):
                    await self._changed.wait()
            except TimeoutError:
                self._recording.finish(RecordingEnd.EMPTY)
                return

    async def _until_out(self) -> None:
        """End the recording where the recorder loses its place for good."""
        try:
            await self._room.closed()
        except ChannelClosed as error:
            note = f"the recorder is not in the room any more: {error}"
            self._recording.finish(RecordingEnd.FAILED, note)

    async def _tell(self) -> None:
        while True:
            self._measure()
            notice = RecordingNotice(by=self._recording.asker, seconds=self._recording.seconds)
            text = msgspec.json.encode(notice).decode()
            for channel in [*self._channels.values()]:
                if channel.readyState == "open" and channel.bufferedAmount < _BUFFERED:
                    channel.send(text)
            await asyncio.sleep(_TELL)

    def _measure(self) -> None:
        stats = [each.stats for each in self._recorder.recorders]
        self._recording.seconds = max((each.duration for each in stats), default=0.0)
        self._recording.size = sum(each.size for each in stats)

    def _make(self, path: Path) -> FileRecorder:
        # A page that is loaded again must not cost what was recorded of it before.
        recorder = Recorder(path, anew=False)
        recorder.on("error", self._on_failure)
        return recorder

    def _on_failure(self, failure: RecordingFailure) -> None:
        recorders = self._recorder.recorders
        if failure.ended and all(each.state is RecorderState.INACTIVE for each in recorders):
            self._recording.finish(RecordingEnd.FAILED, str(failure.error))
        else:
            self._recording.note(str(failure.error))
