"""Owns how data channels live on aiortc's SCTP transport, and how they outlive one.

An upgrade of aiortc fails here first, and in `sctp_bounds.py`. The names are pinned by version
(`pyproject.toml`) and by `tests/unit/transport/adapters/test_sctp.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, cast

from aiortc.rtcdatachannel import RTCDataChannelParameters
from aiortc.rtcsctptransport import (
    LOCAL_MAX_MESSAGE_SIZE,
    SCTP_TSN_MODULO,
    USERDATA_MAX_LENGTH,
    WEBRTC_BINARY,
    WEBRTC_BINARY_EMPTY,
    WEBRTC_DCEP,
    WEBRTC_STRING,
    WEBRTC_STRING_EMPTY,
    HeartbeatChunk,
    RTCSctpCapabilities,
)
from aiortc.utils import uint32_gte

from peer.transport.adapters.data_channel import DataChannel
from peer.transport.adapters.sctp_bounds import BoundedSctp
from peer.transport.adapters.sctp_restart import Announcing, Message, Sent, to_send_again
from peer.transport.net.eager import run_to_end
from peer.transport.wire.dcep import Announcement, MessageType, decode, is_announcement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aiortc.rtcdatachannel import RTCDataChannel
    from aiortc.rtcdtlstransport import RTCDtlsTransport
    from aiortc.rtcsctptransport import RTCSctpTransport, SackChunk

MAX_MESSAGE_SIZE = LOCAL_MAX_MESSAGE_SIZE
SCTP_PORT = 5000
CHANNEL_LIMIT = 1024

# RFC 9260 section 3.3.5: one parameter, of whatever its sender likes.
_HEARTBEAT_INFO = (1, b"handfast")


class _NoTransport:
    """Stands for the DTLS transport until there is one, and when there is no more."""

    state = "new"
    _role = "auto"

    async def _send_data(self, data: bytes) -> None:
        pass

    def _unregister_data_receiver(self, receiver: object) -> None:
        pass


class _Outstanding(NamedTuple):
    """A message that the peer has not acknowledged as far as its last TSN."""

    first_tsn: int
    fragments: int
    message: Message

    @property
    def last_tsn(self) -> int:
        return (self.first_tsn + self.fragments - 1) % SCTP_TSN_MODULO


class Association(BoundedSctp):
    """One SCTP association, which another can follow where the peer restarts.

    Args:
        on_close: Called once, when the association has ended, whoever ended it.
        on_established: Called before any message flows, and perhaps once more.
        initiates: Whether it sends an INIT of its own, or waits for that of a peer that restarts.

    Attributes:
        refused_channels: Announcements of the peer: beyond `CHANNEL_LIMIT`, malformed, or for the
            id of another channel.
    """

    def __init__(
        self,
        on_close: Callable[[], None],
        on_established: Callable[[], None] = lambda: None,
        *,
        initiates: bool = True,
    ) -> None:
        super().__init__(cast("RTCDtlsTransport", _NoTransport()), SCTP_PORT)
        self.__on_close = on_close
        self.__on_established = on_established
        self.__initiates = initiates
        self.__closed = False
        self.__outstanding: deque[_Outstanding] = deque()
        self.__taken_over: set[int] = set()
        self.__flush: asyncio.Handle | None = None
        self.refused_channels = 0

    @property
    def established(self) -> bool:
        """Whether messages can flow."""
        return self._association_state == self.State.ESTABLISHED

    @property
    def local_tag(self) -> int:
        """What the peer addresses it by."""
        return self._local_verification_tag

    @property
    def largest_message(self) -> int:
        """In bytes, as the peer says; 0 is no limit."""
        return self._remote_max_message_size

    @property
    def channels(self) -> tuple[RTCDataChannel, ...]:
        """Those that have an id."""
        return tuple(self._data_channels.values())

    def is_with(self, tag: int) -> bool:
        """Whether the peer's end is addressed by this, or not known yet."""
        return not self.knows_the_peer or self._remote_verification_tag == tag

    def begin(
        self, face: RTCDtlsTransport, *, remote_port: int, remote_max_message_size: int
    ) -> None:
        """Open the association over a connected transport, which says whose ids are even."""
        self.setTransport(face)
        run_to_end(self.start(RTCSctpCapabilities(remote_max_message_size), remote_port))

    def end(self) -> None:
        """Abort, unless ended already."""
        if not self.__closed:
            run_to_end(self.stop())

    def open_channel(self, parameters: RTCDataChannelParameters) -> DataChannel:
        """A channel of ours, announced to the peer as soon as that is possible."""
        return DataChannel(self, parameters)

    def enqueue(self, channel: DataChannel, payload: bytes, *, is_text: bool) -> None:
        """Send a message of a channel as soon as that is possible."""
        if payload:
            protocol = WEBRTC_STRING if is_text else WEBRTC_BINARY
        else:
            # RFC 8831 section 6.6: SCTP has no empty messages.
            protocol = WEBRTC_STRING_EMPTY if is_text else WEBRTC_BINARY_EMPTY
            payload = bytes(1)
        channel._addBufferedAmount(len(payload))
        self._data_channel_queue.append((channel, protocol, payload))
        self.__flush_soon()

    def probe(self) -> None:
        """Have the peer answer (RFC 9260 section 8.3); nothing before it is established."""
        if self.established:
            heartbeat = HeartbeatChunk()
            heartbeat.params.append(_HEARTBEAT_INFO)
            run_to_end(self._send_chunk(heartbeat))

    async def handle(self, packet: bytes) -> None:
        """Take a packet of the peer; raises whatever aiortc raises about one it did not expect."""
        await self._handle_data(packet)

    # ---- A peer that restarts

    def take_over(self, old: Association, announcing: Announcing) -> None:
        """Go on with the channels of an association that the peer has forgotten.

        Call it before any message flows: when this one is about to be established.
        """
        again = to_send_again(old.__sent(), now=time.time())
        self._data_channel_queue, old._data_channel_queue = old._data_channel_queue, deque()
        self._data_channels, old._data_channels = old._data_channels, {}
        self.refused_channels += old.refused_channels
        self.refused_chunks += old.refused_chunks
        old.__retire()
        self.__taken_over = set(self._data_channels)
        queued = (channel for channel, _, _ in self._data_channel_queue)
        # One that was not announced yet has no id.
        for channel in {*self._data_channels.values(), *queued}:
            cast("DataChannel", channel)._move(self)
        announced = {
            message.stream
            for message in again
            if message.protocol == WEBRTC_DCEP and is_announcement(message.data)
        }
        for stream, channel in list(self._data_channels.items()):
            if stream not in announced:
                self.__continue(stream, cast("DataChannel", channel), announcing)
        for message in again:
            self.__send_now(message)

    def discard(self) -> None:
        """End without a word and without a callback."""
        self.__retire()

    def __continue(self, stream: int, channel: DataChannel, announcing: Announcing) -> None:
        if channel.readyState == "closing":
            # The peer has forgotten any reset (RFC 6525). Its own stream is as good as reset: what
            # it sends from now on begins anew.
            self._reconfig_queue.append(stream)
            self._data_channel_inbound_reset.add(stream)
        elif not channel._is_announced_by_us:
            return
        elif announcing is Announcing.ALL:
            opening = channel._announcement().encode()
            self.__send_now(Message(stream=stream, protocol=WEBRTC_DCEP, data=opening))
        elif channel.readyState == "connecting":
            # It has our announcement, and its answer is lost.
            channel._setReadyState("open")

    def __sent(self) -> Iterator[Sent]:
        """What has become of each message that is not acknowledged, in order."""
        chunks = {chunk.tsn: chunk for chunk in (*self._sent_queue, *self._outbound_queue)}
        for first, fragments, message in self.__outstanding:
            tsns = ((first + n) % SCTP_TSN_MODULO for n in range(fragments))
            known = [chunks[tsn] for tsn in tsns if tsn in chunks]
            yield Sent(
                message=message,
                acknowledged=bool(known) and all(chunk._acked for chunk in known),
                # aiortc forgets what is acknowledged or abandoned, and the former is not here.
                abandoned=not known or any(chunk._abandoned for chunk in known),
                transmissions=max((chunk._sent_count for chunk in known), default=0),
            )

    def __retire(self) -> None:
        self.__closed = True
        self.transport._unregister_data_receiver(self)
        self.setTransport(cast("RTCDtlsTransport", _NoTransport()))
        # Tasks of aiortc may still come to send, or to start a timer.
        self._sent_queue.clear()
        self._outbound_queue.clear()
        self._forward_tsn_chunk = None
        self._reconfig_queue = []
        self._set_state(self.State.CLOSED)

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        await super()._receive_sack_chunk(chunk)
        while self.__outstanding and uint32_gte(
            self._last_sacked_tsn, self.__outstanding[0].last_tsn
        ):
            self.__outstanding.popleft()

    # ---- Channels

    async def _data_channel_receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        if pp_id == WEBRTC_DCEP and is_announcement(data):
            await self.__announced(stream_id, data)
        else:
            await super()._data_channel_receive(stream_id, pp_id, data)

    async def __announced(self, stream: int, message: bytes) -> None:
        announcement = decode(message)
        known = cast("DataChannel | None", self._data_channels.get(stream))
        is_first = stream in self.__taken_over
        self.__taken_over.discard(stream)
        if announcement is None:
            self.refused_channels += 1
        elif known is not None and known._announcement() == announcement:
            # A peer that restarted announces its channels again, or not.
            await self.__acknowledge(known)
        elif known is None and len(self._data_channels) < CHANNEL_LIMIT:
            await self.__accept(stream, announcement)
        elif known is not None and is_first:
            # It has forgotten the channel, and opens another.
            self._data_channel_closed(stream)
            await self.__accept(stream, announcement)
        else:
            self.refused_channels += 1

    async def __accept(self, stream: int, announcement: Announcement) -> None:
        parameters = RTCDataChannelParameters(
            label=announcement.label,
            protocol=announcement.protocol,
            ordered=announcement.ordered,
            maxPacketLifeTime=announcement.max_packet_life_time,
            maxRetransmits=announcement.max_retransmits,
            id=stream,
        )
        channel = DataChannel(self, parameters, send_open=False)
        channel._setReadyState("open")
        self._data_channels[stream] = channel
        await self.__acknowledge(channel)
        self.emit("datachannel", channel)

    async def __acknowledge(self, channel: DataChannel) -> None:
        self._data_channel_queue.append((channel, WEBRTC_DCEP, bytes([MessageType.ACK])))
        await self._data_channel_flush()

    def _data_channel_open(self, channel: RTCDataChannel) -> None:
        opening = cast("DataChannel", channel)._announcement().encode()
        self._data_channel_queue.append((channel, WEBRTC_DCEP, opening))
        self.__flush_soon()

    def __flush_soon(self) -> None:
        # aiortc makes a task for each message.
        if self.__flush is None:
            self.__flush = asyncio.get_running_loop().call_soon(self.__flush_now)

    def __flush_now(self) -> None:
        self.__flush = None
        run_to_end(self._data_channel_flush())

    def __send_now(self, message: Message) -> None:
        """Hand it to SCTP, before all that waits in the queue."""
        run_to_end(
            self._send(
                message.stream,
                message.protocol,
                message.data,
                expiry=message.expiry,
                max_retransmits=message.max_retransmits,
                ordered=message.ordered,
            )
        )

    async def _send(
        self,
        stream_id: int,
        pp_id: int,
        user_data: bytes,
        expiry: float | None = None,
        max_retransmits: int | None = None,
        ordered: bool = True,
    ) -> None:
        message = Message(
            stream=stream_id,
            protocol=pp_id,
            data=user_data,
            ordered=ordered,
            expiry=expiry,
            max_retransmits=max_retransmits,
        )
        fragments = -(-len(user_data) // USERDATA_MAX_LENGTH)
        self.__outstanding.append(_Outstanding(self._local_tsn, fragments, message))
        await super()._send(stream_id, pp_id, user_data, expiry, max_retransmits, ordered)
        channel = self._data_channels.get(stream_id)
        if pp_id != WEBRTC_DCEP or channel is None:
            return
        # W3C webrtc-pc section 6.1.2: a channel is open when the association is; a message may
        # follow the announcement at once. Without order it might overtake it, so there the
        # acknowledgement is waited for (RFC 8832 section 6).
        if channel.ordered and channel.readyState == "connecting":
            channel._setReadyState("open")

    # ---- The end

    async def _init(self) -> None:
        if self.__initiates:
            await super()._init()

    def _set_state(self, state: RTCSctpTransport.State) -> None:
        if state == self.State.ESTABLISHED:
            self.__on_established()
        super()._set_state(state)
        if state == self.State.CLOSED and not self.__closed:
            self.__closed = True
            # aiortc leaves channels without an id where they are: connecting, for ever.
            unannounced, self._data_channel_queue = self._data_channel_queue, deque()
            for channel, _, _ in unannounced:
                channel._setReadyState("closed")
            self.__on_close()
