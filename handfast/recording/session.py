"""Session of `handfast record`: members of the room, their calls, and when the recording ends."""

from __future__ import annotations

import asyncio
import functools
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from handfast.calls import Call
from handfast.ice_options import servers_of
from handfast.recording.recorded_participant import RecordedParticipant
from handfast.recording.report import RecordingReport
from handfast.recording.room_recorders import Arrangement, files_of, room_recorder_for
from media import Container, Recorder, RecorderState, SegmentEnd
from peer import InvalidStateError, PeerError
from peer.printable import printable
from signaling import ChannelLost, SignalingError, join
from signaling.tasks import first_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from handfast.rooms import RoomAddress
    from media import RecordingFailure, Segment, Transcoding
    from peer import IceServer, PeerConnection, TrackEvent
    from signaling import PeerChannel, Room
    from signaling.server import TurnSecret

#: Seconds between two looks at the codecs of the streams (ours).
_LOOK: Final = 0.5


class RecordError(Exception):
    """A path cannot be recorded to; the text is one sentence for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """Options of `handfast record`.

    Args:
        address: Address of the room.
        path: The file, whose suffix chooses the container.
        arrangement: How several participants become files.
        name: Our name, as the other members see it.
        stay: Keep recording after all senders have left, for later ones.
        insecure: Allow `ws:` to another machine.
        ice_servers: STUN and TURN servers; those that the room's server names where empty.
    """

    address: RoomAddress
    path: Path
    arrangement: Arrangement = Arrangement.SEPARATE
    name: str = "recorder"
    stay: bool = False
    insecure: bool = False
    ice_servers: tuple[IceServer | TurnSecret, ...] = ()


class RecordSession:
    """One recording of a room.

    Args:
        options: Options of the command.
        note: Called with a line for each event.

    Attributes:
        report: Progress and result of the recording.

    Raises:
        RecordError: The path cannot be recorded to.
    """

    def __init__(self, options: RecordOptions, note: Callable[[str], None]) -> None:
        check(options.path)
        self._options = options
        self._note = note
        self._room_recorder = room_recorder_for(options.arrangement, options.path, self._recorder)
        self._pictures = Container.of(options.path).holds_video
        self._sending: set[str] = set()
        self._over = asyncio.Event()
        self.report = RecordingReport(self._room_recorder.recorders)

    async def run(self, stop: asyncio.Event) -> None:
        """Record until all senders have left, or `stop` is set; to be called once.

        Raises:
            SignalingError: The room cannot be joined.
        """
        options = self._options
        async with await join(
            options.address.url,
            room=options.address.room,
            name=options.name,
            insecure=options.insecure,
        ) as room:
            self._note(files_of(options.arrangement, options.path))
            self._note(f"In the room {options.address.room}. Ctrl-C ends the recording.")
            try:
                await first_of(self._attend(room), self._over.wait(), stop.wait())
            finally:
                await self._room_recorder.close()

    async def _attend(self, room: Room) -> None:
        async with asyncio.TaskGroup() as calls:
            try:
                async for channel in room.channels():
                    calls.create_task(self._call(room, channel))
            except ChannelLost as error:
                # Calls that go on need no server.
                self._note(f"The room's server went away: {error}.")

    async def _call(self, room: Room, channel: PeerChannel) -> None:
        member = channel.peer.member
        participant = RecordedParticipant(printable(channel.peer.name) or member)
        servers = servers_of(self._options.ice_servers, member) or room.ice_servers
        call = Call(channel, ice_servers=servers)
        call.connection.on("track", functools.partial(self._take, member, participant))
        await self._room_recorder.participant_joined(member, name=participant.name)
        reason = ""
        try:
            await first_of(call.run(), _look(participant, call.connection))
        except (PeerError, SignalingError) as error:
            reason = str(error)
        finally:
            await channel.close(reason)
            await self._room_recorder.participant_left(member)
            self.report.present.pop(member, None)
        self._left(member, name=participant.name, reason=reason)

    async def _take(self, member: str, participant: RecordedParticipant, event: TrackEvent) -> None:
        if event.track.kind == "video" and not self._pictures:
            return
        try:
            await self._room_recorder.add_track(member, event.track)
        except (ValueError, InvalidStateError) as error:
            self._note(f"Not recorded of {participant.name}: {error}.")
            return
        if member not in self._sending:
            self._sending.add(member)
            self.report.begin(member, participant, time.monotonic())
            self._note(f"{participant.name} came.")

    def _left(self, member: str, *, name: str, reason: str) -> None:
        if reason:
            self._note(f"{name} was lost: {reason}.")
        elif member in self._sending:
            self._note(f"{name} left.")
        if member in self._sending:
            self._sending.discard(member)
            if not self._sending and not self._options.stay:
                self._over.set()

    def _recorder(self, path: Path) -> Recorder:
        # A recorder that is started again must not cost what it recorded before.
        recorder = Recorder(path, anew=False)
        recorder.on("segment", self._on_segment)
        recorder.on("transcoding", self._on_transcoding)
        recorder.on("error", self._on_failure)
        return recorder

    def _on_segment(self, segment: Segment) -> None:
        if segment.end is not SegmentEnd.STOPPED:
            self._note(f"{segment.path} is complete; the next file begins ({segment.end.value}).")

    def _on_transcoding(self, transcoding: Transcoding) -> None:
        if self._options.arrangement is not Arrangement.COMPOSITE:
            self._note(f"The file cannot hold {transcoding.source}: it is encoded anew.")

    def _on_failure(self, failure: RecordingFailure) -> None:
        self.report.failures.append(str(failure.error))
        self._note(f"error: {failure.error}.")
        recorders = self._room_recorder.recorders
        if failure.ended and all(one.state is RecorderState.INACTIVE for one in recorders):
            self._over.set()


async def _look(participant: RecordedParticipant, connection: PeerConnection) -> None:
    while True:
        await asyncio.sleep(_LOOK)
        await participant.look(connection)


def check(path: Path) -> None:
    """Check that a recording can be written to a path.

    Raises:
        RecordError: The path cannot be recorded to.
    """
    try:
        Container.of(path)
        Recorder(path)
    except ValueError as error:
        raise RecordError(f"{path} cannot be recorded: {error}.") from error
    folder = path.parent
    if not folder.is_dir():
        raise RecordError(f"There is no folder {folder}.")
    if path.is_dir() or not os.access(folder, os.W_OK):
        raise RecordError(f"{path} cannot be written.")
