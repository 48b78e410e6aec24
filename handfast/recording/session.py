"""Session of `handfast record`: members of the room, their calls, and when the recording ends."""

from __future__ import annotations

import asyncio
import functools
import io
import os
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from handfast.calls import RoomCall
from handfast.ice_options import servers_of
from handfast.recording.recorded_participant import RecordedParticipant
from handfast.recording.report import RecordingReport
from handfast.recording.room_recorders import Arrangement, files_of, room_recorder_for
from handfast.recording.sound_recorder import SoundRecorder
from handfast.sip_address import SipAddress
from handfast.sip_calls import sip_call
from handfast.trust_options import NO_DEMANDS, CallTrust, TrustOptions, phrase_line, verdict
from media import Container, Recorder, RecorderState, SegmentEnd, SoundFormat
from peer import ConnectionState, InvalidStateError, PeerConnection, PeerError
from peer.printable import printable
from peer.trust import PeerCertificateEvent
from peer.values import dataclass
from signaling import ChannelLost, SignalingError, join
from signaling.tasks import first_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from handfast.recording.json_lines import JsonLines
    from handfast.recording.room_recorders import FileRecorder
    from handfast.rooms import RoomAddress
    from media import Progress, RecordingFailure, Segment, Transcoding
    from peer import IceServer, TrackEvent
    from peer.events import PhraseEvent
    from signaling import PeerChannel, Room
    from signaling.server import TurnSecret

#: Path that stands for standard output.
STANDARD_OUTPUT: Final = Path("-")
#: Sample rate of files of sound in Hz: what speech engines take (ours).
_USUAL_RATE: Final = 16_000
#: Seconds that whom we call by SIP has to answer (ours).
_ANSWER: Final = 60.0
#: Seconds between two looks at the codecs of the streams (ours).
_LOOK: Final = 0.5


class RecordError(Exception):
    """A path cannot be recorded to; the text is one sentence for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """Options of `handfast record`.

    Args:
        address: Address of the room, or of whom to call by SIP.
        path: The file, whose suffix chooses the container; `-` for standard output.
        format: Name of the container, where the suffix does not tell.
        segment: Seconds after which the next file begins.
        max_duration: Seconds after which the recording ends, from the first frame on.
        arrangement: How several participants become files.
        name: Our name, as the other members see it.
        token: Shown to the room's server; None where it asks for none.
        rate: Sample rate of files of sound for speech engines, in Hz; None for the usual one.
        sidecar: Write JSON beside each file.
        stay: Keep recording after all senders have left, for later ones.
        insecure: Allow `ws:` to another machine.
        ice_servers: STUN and TURN servers; those that the room's server names where empty.
        trust: Who the others have to be, and how they know us.
    """

    address: RoomAddress | SipAddress
    path: Path
    format: str | None = None
    segment: float | None = None
    max_duration: float | None = None
    arrangement: Arrangement = Arrangement.SEPARATE
    name: str = "recorder"
    token: str | None = field(default=None, repr=False)
    rate: int | None = None
    sidecar: bool = False
    stay: bool = False
    insecure: bool = False
    ice_servers: tuple[IceServer | TurnSecret, ...] = ()
    trust: TrustOptions = NO_DEMANDS

    @property
    def container(self) -> Container:
        """Container of the files, where they are none of sound for speech engines."""
        return Container.of(self.path, self.format)

    @property
    def is_sound(self) -> bool:
        """True for a file of sound for speech engines: WAV, FLAC, or Ogg at a rate."""
        form = self.format or self.path.suffix.lower().removeprefix(".")
        return form in ("wav", "flac") or (form == "ogg" and self.rate is not None)

    @property
    def holds_video(self) -> bool:
        """True where the files take pictures."""
        return not self.is_sound and self.container.holds_video


class RecordSession:
    """One recording of a room.

    Args:
        options: Options of the command.
        note: Called with a line for each event.
        lines: Takes the events as JSON, where a program asked for them.

    Attributes:
        report: Progress and result of the recording.

    Raises:
        RecordError: The path cannot be recorded to.
        TrustOptionsError: The certificate or the known peers cannot be used.
    """

    def __init__(
        self,
        options: RecordOptions,
        note: Callable[[str], None],
        lines: JsonLines | None = None,
    ) -> None:
        check(options)
        self._options = options
        self._note = note
        self._lines = lines
        self._trust = CallTrust(options.trust)
        self._output = _standard_output(options) if options.path == STANDARD_OUTPUT else None
        self._room_recorder = room_recorder_for(
            options.arrangement, options.path, self._recorder, pictures=options.holds_video
        )
        self._pictures = options.holds_video
        self._sending: set[str] = set()
        self._is_timed = False
        self._over = asyncio.Event()
        self.report = RecordingReport(self._room_recorder.recorders)

    async def run(self, stop: asyncio.Event) -> None:
        """Record until all senders have left, or `stop` is set; to be called once.

        Raises:
            SignalingError: The room cannot be joined.
        """
        try:
            await self._record(stop)
        finally:
            if self._output is not None:
                self._output.close()

    async def _record(self, stop: asyncio.Event) -> None:
        options, address = self._options, self._options.address
        if isinstance(address, SipAddress):
            async with self._recorded(place=address.target, doing=f"Calling {address.target}"):
                await first_of(self._call_by_sip(address), self._over.wait(), stop.wait())
            return
        async with (
            await join(
                address.url,
                room=address.room,
                name=options.name,
                token=options.token,
                insecure=options.insecure,
            ) as room,
            self._recorded(place=address.room, doing=f"In the room {address.room}"),
        ):
            await first_of(self._attend(room), self._over.wait(), stop.wait())

    @asynccontextmanager
    async def _recorded(self, *, place: str, doing: str) -> AsyncIterator[None]:
        """Tell that the recording begins, and complete its files at the end."""
        self._tell("started", room=place)
        self._note(files_of(self._options.arrangement, self._options.path))
        self._note(f"{doing}. Ctrl-C ends the recording.")
        try:
            yield
        finally:
            await self._room_recorder.close()
            self._tell_end()

    async def _call_by_sip(self, address: SipAddress) -> None:
        servers = servers_of(self._options.ice_servers, self._options.name)
        member = name = address.target
        connection = PeerConnection(self._trust.configuration(name, servers))
        self._tell_of_trust(connection, member=member, name=name)
        participant = RecordedParticipant(name)
        for kind in ("audio", "video") if self._pictures else ("audio",):
            connection.addTransceiver(kind, "recvonly")
        connection.on("track", functools.partial(self._take, member, participant))
        await self._room_recorder.participant_joined(member, name=name)
        reason = ""
        try:
            async with sip_call(
                address, connection, timeout=_ANSWER, insecure=self._options.insecure
            ) as call:
                await first_of(call.ended(), self._look(participant, connection))
        except TimeoutError:
            reason = f"nobody answered within {_ANSWER:g} s"
        except (PeerError, SignalingError) as error:
            reason = str(error)
        finally:
            await self._room_recorder.participant_left(member)
            self.report.present.pop(member, None)
        if reason and member not in self._sending:
            raise RecordError(f"{name} was not recorded: {reason}.")
        self._left(member, name=name, reason=reason)

    def _tell_end(self) -> None:
        stats = [each.stats for each in self._room_recorder.recorders]
        self._tell(
            "ended",
            files=[str(each.path) for each in self.report.files],
            duration=round(sum(each.duration for each in self.report.files), 3),
            size=sum(each.size for each in self.report.files),
            gaps=sum(each.gaps for each in stats),
            dropped=sum(each.dropped for each in stats),
        )

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
        call = RoomCall(channel, self._trust.configuration(channel.peer.name or "", servers))
        self._tell_of_trust(call.connection, member=member, name=participant.name)
        call.connection.on("track", functools.partial(self._take, member, participant))
        await self._room_recorder.participant_joined(member, name=participant.name)
        reason = ""
        try:
            await first_of(call.run(), self._look(participant, call.connection))
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
            self._tell("joined", member=member, name=participant.name)
            self.report.begin(member, participant, time.monotonic())
            self._note(f"{participant.name} came.")

    def _tell_of_trust(self, connection: PeerConnection, *, member: str, name: str) -> None:
        """Tell who the other end is once it is known, and the phrase with it."""
        if not self._options.trust.asks:
            return

        def on_state() -> None:
            if connection.connectionState is not ConnectionState.CONNECTED:
                return
            for transport in connection.security.transports[:1]:
                trust = transport.peer
                self._note(verdict(name, trust))
                fields = {"level": trust.level.value, "firstContact": trust.first_contact}
                self._tell("peer", member=member, name=name, **fields)
            connection.remove_listener("connectionstatechange", on_state)

        def on_phrase(event: PhraseEvent) -> None:
            self._note(phrase_line(name, event.phrase))
            self._tell("phrase", member=member, name=name, digits=event.phrase.digits)

        # Nobody is here to decide; a phrase that is made as well would be waited for.
        connection.on("peercertificate", PeerCertificateEvent.refuse)
        connection.on("connectionstatechange", on_state)
        connection.on("phrase", on_phrase)

    async def _look(self, participant: RecordedParticipant, connection: PeerConnection) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            await participant.look(connection, pictures=self._pictures)

    def _left(self, member: str, *, name: str, reason: str) -> None:
        if reason:
            self._note(f"{name} was lost: {reason}.")
        elif member in self._sending:
            self._note(f"{name} left.")
        if member in self._sending:
            self._tell("left", member=member, name=name, reason=reason)
            self._sending.discard(member)
            if not self._sending and not self._options.stay:
                self._over.set()

    def _recorder(self, path: Path) -> FileRecorder:
        options = self._options
        if options.is_sound:
            return SoundRecorder(
                path,
                rate=_USUAL_RATE if options.rate is None else options.rate,
                form=options.format,
                on_progress=self._on_progress,
                on_segment=self._on_segment,
                on_failure=self._on_failure,
            )
        # A recorder that is started again must not cost what it recorded before.
        recorder = Recorder(
            path if self._output is None else self._output,
            format=options.container.value,
            segment_duration=options.segment,
            anew=False,
            sidecar=options.sidecar,
        )
        recorder.on("segment", self._on_segment)
        recorder.on("progress", self._on_progress)
        recorder.on("transcoding", self._on_transcoding)
        recorder.on("error", self._on_failure)
        return recorder

    def _tell(self, event: str, **fields: object) -> None:
        if self._lines is not None:
            self._lines.emit(event, **fields)

    def _on_progress(self, progress: Progress) -> None:
        if self._lines is not None:
            self._lines.progress(progress)
        limit = self._options.max_duration
        if limit is not None and not self._is_timed:
            # Of media, which may come long after the track.
            self._is_timed = True
            left = max(0.0, limit - progress.duration)
            asyncio.get_running_loop().call_later(left, self._over.set)

    def _on_segment(self, segment: Segment) -> None:
        if self._lines is not None:
            self._lines.segment(segment)
        if segment.end is not SegmentEnd.STOPPED:
            self._note(f"{segment.path} is complete; the next file begins ({segment.end.value}).")

    def _on_transcoding(self, transcoding: Transcoding) -> None:
        if self._lines is not None:
            self._lines.transcoding(transcoding)
        if self._options.arrangement is not Arrangement.COMPOSITE:
            self._note(f"The file cannot hold {transcoding.source}: it is encoded anew.")

    def _on_failure(self, failure: RecordingFailure) -> None:
        if self._lines is not None:
            self._lines.failure(failure)
        self.report.failures.append(str(failure.error))
        self._note(f"error: {failure.error}.")
        recorders = self._room_recorder.recorders
        if failure.ended and all(one.state is RecorderState.INACTIVE for one in recorders):
            self._over.set()


def _standard_output(options: RecordOptions) -> io.FileIO:
    """Return standard output as a stream without a buffer, which would be flushed at the exit.

    Raises:
        RecordError: It cannot take the recording.
    """
    if sys.stdout.isatty():
        raise RecordError("A terminal takes no recording: send standard output to a pipe or file.")
    output = io.FileIO(os.dup(sys.stdout.fileno()), "wb")
    try:
        Recorder(output, format=options.format, segment_duration=options.segment)
    except ValueError as error:
        output.close()
        raise RecordError(f"Standard output cannot be recorded to: {error}.") from error
    return output


def check(options: RecordOptions) -> None:
    """Check that a room can be recorded so.

    Raises:
        RecordError: The path cannot be recorded to, or options contradict each other.
    """
    path, name = options.path, options.format
    _check_sound(options)
    if path == STANDARD_OUTPUT:
        if name is None:
            raise RecordError("Standard output has no suffix: give --format.")
        return
    try:
        if not options.is_sound:
            Container.of(path, name)
            Recorder(path, format=name)
    except ValueError as error:
        raise RecordError(f"{path} cannot be recorded: {error}.") from error
    folder = path.parent
    if not folder.is_dir():
        raise RecordError(f"There is no folder {folder}.")
    if path.is_dir() or not os.access(folder, os.W_OK):
        raise RecordError(f"{path} cannot be written.")


def _check_sound(options: RecordOptions) -> None:
    if not options.is_sound:
        if options.rate is not None:
            raise RecordError("A rate goes with WAV, FLAC and Ogg: give --format or such a suffix.")
        if options.sidecar and options.path == STANDARD_OUTPUT:
            raise RecordError("A sidecar lies beside a file: give one instead of -.")
        return
    if options.path == STANDARD_OUTPUT:
        raise RecordError("A pipe takes no WAV, FLAC or Ogg at a rate: their headers come last.")
    for is_given, option in ((options.segment, "--segment"), (options.sidecar, "--sidecar")):
        if is_given:
            raise RecordError(f"A file of sound for speech engines is one file: no {option}.")
    try:
        SoundFormat.of(options.path, options.format).check_rate(
            _USUAL_RATE if options.rate is None else options.rate
        )
    except ValueError as error:
        raise RecordError(f"{options.path} cannot be recorded: {error}.") from error
