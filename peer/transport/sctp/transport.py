"""Data transport of a connection: data channels on an SCTP association over a secure transport.

The SCTP association continues while DTLS associations follow each other below. A peer that restarts
SCTP (RFC 8841 section 9.3; Chromium does so with each DTLS association) sends an INIT with another
tag. Another association answers it, and takes over when the COOKIE ECHO comes (RFC 9260 section
5.2.4), so that an INIT that is late changes nothing. The number of restarts has no limit: each
costs the peer a handshake, and us one congestion window that is sent again.

Where the peer has ended the association, as it closed or its page went away, the channels are
closed, and another association begins with the next DTLS association (RFC 8841 section 9.3) or with
an INIT.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING

from aiortc.rtcdatachannel import RTCDataChannelParameters

from peer.errors import ConfigurationError, InvalidAccessError, InvalidStateError, SctpError
from peer.priority import Priority
from peer.states import DataChannelState, DtlsRole, SctpTransportState
from peer.times import UnixTime
from peer.transport.adapters.coroutines import SerialExecutor
from peer.transport.adapters.data_channel import DataChannel
from peer.transport.adapters.sctp_association import MAX_MESSAGE_SIZE, SCTP_PORT, SctpAssociation
from peer.transport.sctp.restart import messages_to_resend
from peer.transport.wire.sctp_packets import initiate_tag, is_well_formed, verification_tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.transport.adapters.dtls import AiortcDtlsTransport

__all__ = ["MAX_MESSAGE_SIZE", "SCTP_PORT", "DataChannel", "DataTransport"]

#: Bytes of a label or a protocol (W3C webrtc-pc section 6.1: the length field has 16 bits).
_MAX_TEXT = 65_535
#: `maxPacketLifeTime` in milliseconds, and `maxRetransmits` (unsigned short in W3C webrtc-pc).
_MAX_LIMIT = 65_535
#: Stream id of a channel; 65,535 is reserved (RFC 8832 section 4).
_MAX_ID = 65_534


class DataTransport:
    """Carries data channels, which may be created before the association or its transport exists.

    Args:
        on_channel: Called with each open channel of the peer; calls its `announce_open` once the
            application knows of it.
        on_close: Called when an association has ended; all of its channels are closed by then.
        on_state: Called when `state` has changed.

    Attributes:
        channels: The data channels that have not closed.
        opened: How many have opened so far.
        closed_channels: How many of these have closed.
        malformed: Packets of the peer that could not be parsed.
        restarts: How often the peer has restarted SCTP.
    """

    def __init__(
        self,
        *,
        on_channel: Callable[[DataChannel], None],
        on_close: Callable[[], None] = lambda: None,
        on_state: Callable[[], None] = lambda: None,
    ) -> None:
        self._tell_of_channel = on_channel
        #: Channels that have not closed, in their order.
        self.channels: dict[DataChannel, None] = {}
        self.opened = 0
        self.closed_channels = 0
        self._on_close = on_close
        self._on_state = on_state
        self._association = self._new_association()
        #: Answers a peer that restarts, and takes over when its cookie comes back.
        self._next: SctpAssociation | None = None
        self._begin: Callable[[SctpAssociation], None] | None = None
        self._dtls: AiortcDtlsTransport | None = None
        self._executor = SerialExecutor("SCTP")
        self._state = SctpTransportState.NEW
        #: Channels made before the first association began, in their order.
        self._first_channels: list[DataChannel] = []
        self._closed = False
        self.malformed = 0
        self.restarts = 0

    def __repr__(self) -> str:
        return f"<DataTransport {self.state}, {self.restarts} restarts, {self._association!r}>"

    @property
    def state(self) -> SctpTransportState:
        """State of the SCTP association."""
        if self._state is SctpTransportState.CONNECTING and self._association.established:
            self._state = SctpTransportState.CONNECTED
        return self._state

    @property
    def max_channels(self) -> int | None:
        """Channels that the streams of both ends allow; None before the association is there."""
        return self._association.maxChannels

    @property
    def refused_channels(self) -> int:
        """Announcements of channels that were refused, as `SctpAssociation` counts them."""
        return self._association.refused_channels

    @property
    def refused_chunks(self) -> int:
        """DATA chunks of the peer that were refused, beyond what we keep for it."""
        return self._association.refused_chunks

    @property
    def failed(self) -> int:
        """Packets of the peer whose handling raised an exception."""
        return self._executor.failed

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
        priority: Priority | str = Priority.LOW,
    ) -> DataChannel:
        """Create a data channel, which opens when the association does (W3C webrtc-pc 6.1).

        Where the peer has ended the association, it waits for the next one.

        Args:
            label: At most 65,535 bytes of UTF-8.
            ordered: Whether messages arrive in the order in which they were sent.
            maxPacketLifeTime: Milliseconds during which a message is sent again; not with the next.
            maxRetransmits: How many times a message is sent again.
            protocol: Name of the subprotocol; at most 65,535 bytes of UTF-8.
            negotiated: Both sides create the channel with the same `id`; nothing is announced.
            id: 0 to 65,534; required with `negotiated`, and ignored without it.
            priority: Told to the peer.

        Raises:
            ConfigurationError: A value is out of its range.
            InvalidAccessError: A channel with this id exists.
            InvalidStateError: The transport is closed, or has no stream for another channel.
            TypeError: A value is not of its type.
        """
        if self._closed:
            raise InvalidStateError("the data transport is closed")
        _check_text(label, name="label")
        _check_text(protocol, name="protocol")
        _check_range(maxPacketLifeTime, name="maxPacketLifeTime", most=_MAX_LIMIT)
        _check_range(maxRetransmits, name="maxRetransmits", most=_MAX_LIMIT)
        priority = _checked_priority(priority)
        if maxPacketLifeTime is not None and maxRetransmits is not None:
            raise ConfigurationError("maxPacketLifeTime and maxRetransmits exclude each other")
        if self._state is SctpTransportState.CLOSED:
            self._renew()
        if negotiated:
            self._check_id(id)
        channel = self._association.open_channel(
            RTCDataChannelParameters(
                label=label,
                ordered=ordered,
                maxPacketLifeTime=maxPacketLifeTime,
                maxRetransmits=maxRetransmits,
                protocol=protocol,
                negotiated=negotiated,
                id=id if negotiated else None,
            ),
            priority=priority,
        )
        if self._state is SctpTransportState.NEW:
            self._first_channels.append(channel)
        self._watch(channel)
        return channel

    def copy_channels(self, other: DataTransport) -> tuple[DataChannel, ...]:
        """Make the channels that another transport, which is not connected yet, was asked for.

        Returns:
            The channels of this transport, in the order in which the others were made.
        """
        return tuple(
            self.createDataChannel(
                channel.label,
                ordered=channel.ordered,
                maxPacketLifeTime=channel.maxPacketLifeTime,
                maxRetransmits=channel.maxRetransmits,
                protocol=channel.protocol,
                negotiated=channel.negotiated,
                id=channel.id if channel.negotiated else None,
                priority=channel.priority,
            )
            for channel in other._first_channels
            if channel.readyState is DataChannelState.CONNECTING
        )

    def start(
        self, dtls: AiortcDtlsTransport, *, remote_port: int, remote_max_message_size: int
    ) -> None:
        """Note what the peer says of SCTP, and open the association, unless there is one.

        Call it when the transport is connected: an INIT that is dropped is repeated after 3 s only.

        Args:
            dtls: The secure transport; its DTLS role says which side uses even stream ids.
            remote_port: `a=sctp-port` of the peer.
            remote_max_message_size: `a=max-message-size` of the peer in bytes; 0 is no limit.
        """
        self.prepare(dtls, remote_port=remote_port, remote_max_message_size=remote_max_message_size)
        self.on_dtls_connected()

    def prepare(
        self, dtls: AiortcDtlsTransport, *, remote_port: int, remote_max_message_size: int
    ) -> None:
        """Note what the peer says of SCTP, for the next association; the arguments are as above."""
        self._begin = partial(
            SctpAssociation.begin,
            dtls=dtls,
            remote_port=remote_port,
            remote_max_message_size=remote_max_message_size,
        )
        self._dtls = dtls
        if self._state is SctpTransportState.NEW:
            self._take_role()

    def on_dtls_connected(self) -> None:
        """Open an association over a new DTLS association, where the last one has ended."""
        if self._closed or self._begin is None:
            return
        if self._state is SctpTransportState.CLOSED:
            self._renew()
        if self._state is SctpTransportState.NEW:
            self._state = SctpTransportState.CONNECTING
            self._on_state()
            self._first_channels.clear()
            self._begin(self._association)

    def on_new_peer(self) -> None:
        """Close the channels of the former peer: the next DTLS association is with another one."""
        if self._association.established:
            self._drop_next()
            self._association.end(SctpError("another peer has taken the place of this one"))

    def receive(self, packet: bytes) -> None:
        """Process an SCTP packet of the peer; never raises."""
        if self._closed or self._begin is None:
            return
        if is_well_formed(packet):
            self._executor.submit(partial(self._handle, packet))
        else:
            self.malformed += 1

    def send_heartbeat(self) -> None:
        """Send a HEARTBEAT, which the peer answers, if the association is established."""
        self._association.send_heartbeat()

    async def close(self) -> None:
        """Abort the association and close every channel; may be called more than once."""
        self._closed = True
        self._drop_next()
        self._association.end()
        await self._executor.close()

    async def _handle(self, packet: bytes) -> None:
        tag = initiate_tag(packet)
        if self._state in (SctpTransportState.NEW, SctpTransportState.CLOSED):
            if tag is None:
                return
            self.on_dtls_connected()
        if tag is not None and not self._association.has_remote_tag(tag):
            await self._answer_restart(packet, tag)
        elif self._next is not None and verification_tag(packet) == self._next.local_tag:
            await self._next.handle(packet)
        else:
            await self._association.handle(packet)

    async def _answer_restart(self, init: bytes, tag: int) -> None:
        if self._next is None or not self._next.has_remote_tag(tag):
            self._drop_next()
            self._next = SctpAssociation(
                self._on_association_close, self._on_restarted, initiates=False
            )
            self._next.on("datachannel", self._on_channel)
            # An INIT is processed only after `start`.
            if self._begin is not None:
                self._begin(self._next)
        await self._next.handle(init)

    def _on_restarted(self) -> None:
        if self._next is None:
            return
        old, self._association, self._next = self._association, self._next, None
        # The clock is that of aiortc, which `SctpMessage.expiry` is on.
        now = UnixTime(time.time())
        self._association.take_over(old, messages_to_resend(old.sent_messages(), now=now))
        self.restarts += 1

    def _on_channel(self, channel: DataChannel) -> None:
        self._watch(channel)
        self._tell_of_channel(channel)

    def _watch(self, channel: DataChannel) -> None:
        """Count the channel when it opens and closes (webrtc-stats, RTCPeerConnectionStats)."""
        self.channels[channel] = None
        has_opened = False

        def on_open() -> None:
            nonlocal has_opened
            has_opened = True
            self.opened += 1

        def on_close() -> None:
            self.channels.pop(channel, None)
            self.closed_channels += has_opened

        channel.on("open", on_open)
        channel.on("close", on_close)

    def _new_association(self) -> SctpAssociation:
        association = SctpAssociation(self._on_association_close, self._on_association_open)
        association.on("datachannel", self._on_channel)
        return association

    def _renew(self) -> None:
        """Make an association in place of the one that has ended."""
        self._drop_next()
        old, self._association = self._association, self._new_association()
        self._association.refused_channels = old.refused_channels
        self._association.refused_chunks = old.refused_chunks
        self._state = SctpTransportState.NEW
        self._take_role()

    def _take_role(self) -> None:
        """Give channels their ids as soon as the DTLS roles are agreed."""
        role = None if self._dtls is None else self._dtls.role
        if role is not None:
            self._association.take_role(is_server=role is DtlsRole.SERVER)

    def _drop_next(self) -> None:
        if self._next is not None:
            self._next.discard()
            self._next = None

    def _check_id(self, id: int | None) -> None:  # noqa: A002 - W3C name
        if id is None:
            raise ConfigurationError("a negotiated channel needs an id")
        _check_range(id, name="id", most=_MAX_ID)
        if any(channel.id == id for channel in self._association.channels):
            raise InvalidAccessError(f"a data channel with the id {id} exists")

    def _on_association_open(self) -> None:
        # It is just about to be established.
        asyncio.get_running_loop().call_soon(self._on_state)

    def _on_association_close(self) -> None:
        self._state = SctpTransportState.CLOSED
        self._on_state()
        self._on_close()


def _check_text(text: object, *, name: str) -> None:
    if not isinstance(text, str):
        raise TypeError(f"{name} is a str, not {type(text).__name__}")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"{name} is not Unicode text: {error}") from None
    if size > _MAX_TEXT:
        raise ConfigurationError(f"{name} is {size} bytes long; at most {_MAX_TEXT} are possible")


def _check_range(value: object, *, name: str, most: int) -> None:
    if value is None:
        return
    if not isinstance(value, int):
        raise TypeError(f"{name} is an int, not {type(value).__name__}")
    if not 0 <= value <= most:
        raise ConfigurationError(f"{name} must be between 0 and {most}, not {value}")


def _checked_priority(priority: Priority | str) -> Priority:
    try:
        return Priority(priority)
    except ValueError:
        names = ", ".join(repr(str(each)) for each in Priority)
        raise ConfigurationError(f"priority is one of {names}, not {priority!r}") from None
