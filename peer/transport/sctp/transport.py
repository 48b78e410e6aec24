"""Owns the data channels of a connection: their SCTP association over a secure transport."""

from __future__ import annotations

import logging
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from aiortc.rtcdatachannel import RTCDataChannel as DataChannel
from aiortc.rtcdatachannel import RTCDataChannelParameters

from peer.errors import ConfigurationError, InvalidAccessError, InvalidStateError
from peer.transport.eager import Pump
from peer.transport.sctp.packets import is_well_formed
from peer.transport.seam.sctp import MAX_MESSAGE_SIZE, SCTP_PORT, Association

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc.rtcdtlstransport import RTCDtlsTransport

__all__ = ["MAX_MESSAGE_SIZE", "SCTP_PORT", "DataChannel", "DataTransport", "SctpTransportState"]

logger = logging.getLogger(__name__)

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

    Attributes:
        malformed: Packets of the peer that could not be understood.
    """

    def __init__(
        self,
        *,
        on_channel: Callable[[DataChannel], None],
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_close = on_close
        self._association = Association(self._closed)
        self._association.on("datachannel", on_channel)
        self._pump = Pump("SCTP")
        self._state = SctpTransportState.NEW
        self.malformed = 0

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
            self._association.begin(
                face, remote_port=remote_port, remote_max_message_size=remote_max_message_size
            )

    def receive(self, packet: bytes) -> None:
        """Take an SCTP packet of the peer; never raises."""
        if self._state not in (SctpTransportState.CONNECTING, SctpTransportState.CONNECTED):
            return
        if is_well_formed(packet):
            self._pump.submit(partial(self._association.handle, packet))
        else:
            self.malformed += 1

    async def close(self) -> None:
        """Abort the association and close every channel; any number of times, never waits long."""
        self._association.end()
        await self._pump.close()

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
