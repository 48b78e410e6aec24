"""Owns the data channels of a connection: their SCTP association over a secure transport.

The association goes on over whatever DTLS associations follow each other there. A peer that begins
SCTP anew (RFC 8841 section 9.3; Chromium does so with each DTLS association) sends an INIT with
another tag. It is followed when its COOKIE ECHO comes (RFC 9260 section 5.2.4), so that an INIT
that is late changes nothing. There is no limit on how often: each time costs the peer a handshake,
and us one congestion window that is sent again.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from aiortc.rtcdatachannel import RTCDataChannelParameters

from peer.errors import ConfigurationError, InvalidAccessError, InvalidStateError
from peer.transport.adapters.data_channel import DataChannel
from peer.transport.adapters.sctp import MAX_MESSAGE_SIZE, SCTP_PORT, Association
from peer.transport.adapters.sctp_restart import Announcing
from peer.transport.net.eager import Pump
from peer.transport.wire.sctp_packets import initiate_tag, is_well_formed, verification_tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc.rtcdtlstransport import RTCDtlsTransport

__all__ = ["MAX_MESSAGE_SIZE", "SCTP_PORT", "DataChannel", "DataTransport", "SctpTransportState"]

_MAX_TEXT = 65_535
_MAX_LIMIT = 65_535
_MAX_ID = 65_534


class SctpTransportState(StrEnum):
    """W3C webrtc-pc section 6.1.2, and `new` before it is started."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


class DataTransport:
    """Carries data channels, which may be created before the association or its transport exists.

    Args:
        on_channel: Called with each open channel of the peer.
        on_close: Called once when the association has ended; all channels are closed by then.
        on_restart: Called when the peer has begun SCTP anew, before any message of it.
        announcing: Which channels are announced to it again then.

    Attributes:
        malformed: Packets of the peer that could not be understood.
        restarts: How often the peer has begun SCTP anew.
    """

    def __init__(
        self,
        *,
        on_channel: Callable[[DataChannel], None],
        on_close: Callable[[], None] = lambda: None,
        on_restart: Callable[[], None] = lambda: None,
        announcing: Announcing = Announcing.UNACKNOWLEDGED,
    ) -> None:
        self._on_channel = on_channel
        self._on_close = on_close
        self._on_restart = on_restart
        self._announcing = announcing
        self._association = Association(self._closed)
        self._association.on("datachannel", on_channel)
        # Answers a peer that restarts, and takes the place of the other when that is certain.
        self._next: Association | None = None
        self._begin: Callable[[Association], None] | None = None
        self._pump = Pump("SCTP")
        self._state = SctpTransportState.NEW
        self.malformed = 0
        self.restarts = 0

    @property
    def state(self) -> SctpTransportState:
        """Where the association stands."""
        if self._state is SctpTransportState.CONNECTING and self._association.established:
            self._state = SctpTransportState.CONNECTED
        return self._state

    @property
    def maxChannels(self) -> int | None:
        """How many channels the association has room for; None before it is connected."""
        return self._association.maxChannels

    @property
    def refused_channels(self) -> int:
        """Channels that the peer opened beyond what we let it."""
        return self._association.refused_channels

    @property
    def refused_chunks(self) -> int:
        """DATA of the peer beyond what we hold for it."""
        return self._association.refused_chunks

    @property
    def failed(self) -> int:
        """Packets whose handling raised."""
        return self._pump.failed

    def createDataChannel(
        self,
        label: str,
        *,
        ordered: bool = True,
        maxPacketLifeTime: int | None = None,
        maxRetransmits: int | None = None,
        protocol: str = "",
        negotiated: bool = False,
        id: int | None = None,  # noqa: A002 - W3C name
    ) -> DataChannel:
        """Create a channel; it opens when the association does (W3C webrtc-pc section 6.1).

        Args:
            label: At most 65,535 bytes of UTF-8.
            ordered: Whether messages arrive in the order in which they were sent.
            maxPacketLifeTime: Milliseconds during which a message is sent again; not with the next.
            maxRetransmits: How many times a message is sent again.
            protocol: Name of the subprotocol; at most 65,535 bytes of UTF-8.
            negotiated: Both sides create the channel with the same `id`; nothing is announced.
            id: 0 to 65,534; required with `negotiated`, and ignored without it.

        Raises:
            ConfigurationError: A value is out of its range.
            InvalidAccessError: A channel with this id exists.
            InvalidStateError: The transport is closed.
        """
        if self._state is SctpTransportState.CLOSED:
            raise InvalidStateError("the data transport is closed")
        _check_text("label", label)
        _check_text("protocol", protocol)
        _check_range("maxPacketLifeTime", maxPacketLifeTime, _MAX_LIMIT)
        _check_range("maxRetransmits", maxRetransmits, _MAX_LIMIT)
        if maxPacketLifeTime is not None and maxRetransmits is not None:
            raise ConfigurationError("maxPacketLifeTime and maxRetransmits exclude each other")
        if negotiated:
            self._check_id(id)
        return self._association.open_channel(
            RTCDataChannelParameters(
                label=label,
                ordered=ordered,
                maxPacketLifeTime=maxPacketLifeTime,
                maxRetransmits=maxRetransmits,
                protocol=protocol,
                negotiated=negotiated,
                id=id if negotiated else None,
            )
        )

    def start(self, face: RTCDtlsTransport, remote_port: int, remote_max_message_size: int) -> None:
        """Open the association. Once more is nothing.

        Call it when the transport is connected: an INIT that is dropped is repeated after 3 s only.

        Args:
            face: Of the secure transport; its DTLS role says who uses even stream ids.
            remote_port: `a=sctp-port` of the peer.
            remote_max_message_size: `a=max-message-size` of the peer in bytes; 0 is no limit.
        """
        if self._state is SctpTransportState.NEW:
            self._state = SctpTransportState.CONNECTING
            self._begin = partial(
                Association.begin,
                face=face,
                remote_port=remote_port,
                remote_max_message_size=remote_max_message_size,
            )
            self._begin(self._association)

    def receive(self, packet: bytes) -> None:
        """Take an SCTP packet of the peer; never raises."""
        if self._state not in (SctpTransportState.CONNECTING, SctpTransportState.CONNECTED):
            return
        if is_well_formed(packet):
            self._pump.submit(partial(self._handle, packet))
        else:
            self.malformed += 1

    def probe(self) -> None:
        """Send something small that the peer answers; nothing where the association is not up."""
        self._association.probe()

    async def close(self) -> None:
        """Abort the association and close every channel; any number of times, never waits long."""
        self._drop_next()
        self._association.end()
        await self._pump.close()

    async def _handle(self, packet: bytes) -> None:
        tag = initiate_tag(packet)
        if tag is not None and not self._association.is_with(tag):
            await self._answer_restart(packet, tag)
        elif self._next is not None and verification_tag(packet) == self._next.local_tag:
            await self._next.handle(packet)
        else:
            await self._association.handle(packet)

    async def _answer_restart(self, init: bytes, tag: int) -> None:
        if self._next is None or not self._next.is_with(tag):
            self._drop_next()
            self._next = Association(self._closed, self._take_over, initiates=False)
            self._next.on("datachannel", self._on_channel)
            # Where there was an INIT, there was a start.
            if self._begin is not None:
                self._begin(self._next)
        await self._next.handle(init)

    def _take_over(self) -> None:
        if self._next is None:
            return
        old, self._association, self._next = self._association, self._next, None
        self._association.take_over(old, self._announcing)
        self.restarts += 1
        self._on_restart()

    def _drop_next(self) -> None:
        if self._next is not None:
            self._next.discard()
            self._next = None

    def _check_id(self, id: int | None) -> None:  # noqa: A002 - W3C name
        if id is None:
            raise ConfigurationError("a negotiated channel needs an id")
        _check_range("id", id, _MAX_ID)
        if any(channel.id == id for channel in self._association.channels):
            raise InvalidAccessError(f"a data channel with the id {id} exists")

    def _closed(self) -> None:
        self._state = SctpTransportState.CLOSED
        self._on_close()


def _check_text(name: str, text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"{name} is not Unicode text: {error}") from None
    if size > _MAX_TEXT:
        raise ConfigurationError(f"{name} is {size} bytes long; at most {_MAX_TEXT} are possible")


def _check_range(name: str, value: int | None, most: int) -> None:
    if value is not None and not 0 <= value <= most:
        raise ConfigurationError(f"{name} must be between 0 and {most}, not {value}")
