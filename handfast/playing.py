"""Session of `handfast call`: plays a file to one member of a room."""

from __future__ import annotations

import asyncio
from dataclasses import field
from typing import TYPE_CHECKING, Final

from handfast.calls import RoomCall
from handfast.figures import duration
from handfast.ice_options import servers_of
from handfast.sip_address import SipAddress
from handfast.sip_calls import sip_call
from media import FileSource, LiveError, LiveSource, SourceError
from peer import PeerConfiguration, PeerConnection, PeerError
from peer.printable import printable
from peer.values import dataclass
from signaling import SignalingError, connect
from signaling.tasks import first_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from handfast.rooms import RoomAddress
    from peer import IceServer
    from signaling import WebSocketChannel
    from signaling.server import TurnSecret

#: Seconds that the other member has to answer (ours).
_TIMEOUT: Final = 30.0
#: Seconds to send the frames that were read last (ours).
_LAST: Final = 0.5


class PlayError(Exception):
    """The file was not played to its end; the text is one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayOptions:
    """Options of `handfast call`.

    Args:
        address: Address of the room, or of whom to call by SIP.
        path: File or address to play; it may be live.
        loop: Play a file again and again.
        name: Our name, as the other member sees it.
        token: Shown to the room's server; None where it asks for none.
        timeout: Seconds that the other member has to answer.
        insecure: Allow `ws:` to another machine.
        ice_servers: STUN and TURN servers; those that the room's server names where empty.
    """

    address: RoomAddress | SipAddress
    path: str
    loop: bool = False
    name: str = "player"
    token: str | None = field(default=None, repr=False)
    timeout: float = _TIMEOUT
    insecure: bool = False
    ice_servers: tuple[IceServer | TurnSecret, ...] = ()


class PlaySession:
    """One call in which a file is played.

    Args:
        options: Options of the command.
        note: Called with a line for each event.

    Attributes:
        played: Seconds that were played, once the session has ended.
    """

    def __init__(self, options: PlayOptions, note: Callable[[str], None]) -> None:
        self._options = options
        self._note = note
        self._source: FileSource | LiveSource | None = None
        self._ended = asyncio.Event()
        self._failure: SourceError | None = None
        self._began: float | None = None
        self.played = 0.0
        self._to = ""

    def line(self) -> str:
        """Progress of the session in one line."""
        if self._source is None or self._began is None:
            return f"Nobody has answered {_place(self._options.address)} yet"
        where = duration(self._source.position)
        if self._source.duration is not None:
            where = f"{where} of {duration(self._source.duration)}"
        return f"{where}  to {self._to}"

    def summary(self) -> str:
        """Result of the session in one line."""
        if not self._to:
            return "Nobody came."
        return f"Played {self._options.path} to {self._to} for {duration(self.played)}."

    async def run(self, stop: asyncio.Event) -> None:
        """Play to the member that is in the room, or comes first, until the end of the file.

        Ends earlier where that member leaves, or `stop` is set. To be called once.

        Raises:
            PlayError: The file cannot be played, or the member cannot be reached.
            SignalingError: The room cannot be joined.
        """
        try:
            self._source = await _opened(self._options)
        except SourceError as error:
            raise PlayError(f"{error}.") from error
        self._source.on("ended", self._ended.set)
        self._source.on("error", self._on_error)
        try:
            await first_of(self._play(self._source), stop.wait())
        finally:
            self._source.stop()
        if self._failure is not None:
            raise PlayError(f"{self._failure}.")

    async def _play(self, source: FileSource | LiveSource) -> None:
        options, address = self._options, self._options.address
        if isinstance(address, SipAddress):
            await self._play_by_sip(address, source)
            return
        self._note(f"In the room {address.room}. Ctrl-C ends the call.")
        async with await connect(
            address.url,
            room=address.room,
            name=options.name,
            token=options.token,
            insecure=options.insecure,
        ) as channel:
            await self._play_to(channel, source)

    async def _play_to(self, channel: WebSocketChannel, source: FileSource | LiveSource) -> None:
        self._to = printable(channel.peer.name) or channel.peer.member
        servers = servers_of(self._options.ice_servers, self._options.name)
        call = RoomCall(
            channel,
            PeerConfiguration(iceServers=servers or channel.ice_servers),
            timeout=self._options.timeout,
        )
        _add_tracks(call.connection, source)
        try:
            await first_of(call.run(), self._until_the_end(call.connection))
        except TimeoutError:
            raise PlayError(
                f"{self._to} did not answer within {self._options.timeout:g} s."
            ) from None
        except (PeerError, SignalingError) as error:
            raise PlayError(f"{self._to} was lost: {error}.") from error

    async def _play_by_sip(self, address: SipAddress, source: FileSource | LiveSource) -> None:
        options = self._options
        servers = servers_of(options.ice_servers, options.name)
        connection = PeerConnection(PeerConfiguration(iceServers=servers))
        _add_tracks(connection, source)
        self._note(f"Calling {address.target}. Ctrl-C ends the call.")
        try:
            async with sip_call(
                address, connection, timeout=options.timeout, insecure=options.insecure
            ) as call:
                self._to = printable(call.remote_name) or address.target
                await first_of(call.ended(), self._until_the_end(connection))
        except TimeoutError:
            raise PlayError(
                f"{address.target} did not answer within {options.timeout:g} s."
            ) from None
        except PeerError as error:
            raise PlayError(f"{address.target} was lost: {error}.") from error

    async def _until_the_end(self, connection: PeerConnection) -> None:
        await connection.connected()
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        try:
            self._note(f"{self._to} answered.")
            await self._ended.wait()
            await asyncio.sleep(_LAST)
        finally:
            self.played = loop.time() - self._began

    def _on_error(self, error: SourceError) -> None:
        self._failure = error


def _place(address: RoomAddress | SipAddress) -> str:
    if isinstance(address, SipAddress):
        return f"at {address.target}"
    return f"in the room {address.room}"


def _add_tracks(connection: PeerConnection, source: FileSource | LiveSource) -> None:
    for track in (source.video, source.audio):
        if track is not None:
            connection.addTrack(track)


async def _opened(options: PlayOptions) -> FileSource | LiveSource:
    try:
        return await FileSource.open(options.path, loop=options.loop)
    except LiveError:
        return await LiveSource.open(options.path)
