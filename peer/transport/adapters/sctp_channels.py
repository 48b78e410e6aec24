"""Data channels of an SCTP association of aiortc: their ids, what they send, what they receive."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, TypeAlias, cast

from aiortc.rtcsctptransport import (
    WEBRTC_BINARY,
    WEBRTC_BINARY_EMPTY,
    WEBRTC_DCEP,
    WEBRTC_STRING,
    WEBRTC_STRING_EMPTY,
)

from peer.errors import InvalidStateError, SctpError
from peer.states import DataChannelState
from peer.transport.adapters.coroutines import run_to_end
from peer.transport.adapters.data_channel import DataChannel
from peer.transport.adapters.sctp_bounds import BoundedSctp

if TYPE_CHECKING:
    from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters
    from aiortc.rtcdtlstransport import RTCDtlsTransport

    from peer.priority import Priority

#: Id of an SCTP stream, which is that of its data channel (RFC 8832 section 4).
StreamId: TypeAlias = int
#: Payload protocol identifier: DCEP, text or binary (RFC 8831 section 8).
PayloadProtocol: TypeAlias = int

_EMPTY = (WEBRTC_STRING_EMPTY, WEBRTC_BINARY_EMPTY)
_ENDED = (DataChannelState.CLOSING, DataChannelState.CLOSED)


class SctpChannels(BoundedSctp):
    """aiortc's SCTP transport with channels that have their ids as soon as our role is known.

    Args:
        transport: The DTLS transport.
        port: SCTP port of ours.
    """

    def __init__(self, transport: RTCDtlsTransport, port: int) -> None:
        super().__init__(transport, port)
        #: Channels of ours that the peer has not been told of, in their order.
        self._unannounced: dict[DataChannel, None] = {}
        #: Parity of our stream ids; None until the DTLS roles are agreed.
        self.__parity: int | None = None
        self.__flush: asyncio.Handle | None = None

    @property
    def largest_message(self) -> int:
        """Size in bytes of the largest message that the peer takes; 0 is no limit."""
        return self._remote_max_message_size

    @property
    def channels(self) -> tuple[RTCDataChannel, ...]:
        """Data channels that have an id."""
        return tuple(self._data_channels.values())

    def open_channel(
        self, parameters: RTCDataChannelParameters, *, priority: Priority
    ) -> DataChannel:
        """Make a channel of ours, and announce it to the peer as soon as that is possible.

        Raises:
            InvalidStateError: There is no stream for another channel.
        """
        return DataChannel(self, parameters, priority=priority)

    def take_role(self, *, is_server: bool) -> None:
        """Give the channels that wait for it their ids, by our DTLS role (RFC 8832 section 6).

        A channel for which there is none is closed.
        """
        self.__parity = int(is_server)
        for channel in tuple(self._unannounced):
            former = channel.id
            if former is not None:
                if former % 2 == self.__parity:
                    continue
                self._data_channels.pop(former, None)
            try:
                self.__give_id(channel)
            except InvalidStateError as error:
                channel._fail(SctpError(str(error)))
                self.__close_soon(channel)

    def enqueue(self, channel: DataChannel, payload: bytes, *, is_text: bool) -> None:
        """Send a message of a channel as soon as that is possible."""
        if payload:
            protocol = WEBRTC_STRING if is_text else WEBRTC_BINARY
        else:
            # RFC 8831 section 6.6: SCTP has no empty messages.
            protocol = WEBRTC_STRING_EMPTY if is_text else WEBRTC_BINARY_EMPTY
        channel._addBufferedAmount(len(payload))
        self._data_channel_queue.append((channel, protocol, payload or bytes(1)))
        self.__flush_soon()

    # As aiortc's, with ids that are there already, empty messages that count nothing, and a
    # life time of 0.
    async def _data_channel_flush(self) -> None:
        if self._association_state != self.State.ESTABLISHED:
            return
        while self._data_channel_queue and not self._outbound_queue:
            channel, protocol, data = self._data_channel_queue.popleft()
            stream = cast("StreamId", channel.id)
            if protocol == WEBRTC_DCEP:
                self._unannounced.pop(cast("DataChannel", channel), None)
                await self._send(stream, protocol, data)
                continue
            life_time = channel.maxPacketLifeTime
            await self._send(
                stream,
                protocol,
                data,
                expiry=None if life_time is None else time.time() + life_time / 1000,
                max_retransmits=channel.maxRetransmits,
                ordered=channel.ordered,
            )
            channel._addBufferedAmount(0 if protocol in _EMPTY else -len(data))
        # A stream reset may have been waiting for these messages.
        await self._transmit_reconfig()

    async def _data_channel_receive(
        self, stream_id: StreamId, pp_id: PayloadProtocol, data: bytes
    ) -> None:
        channel = cast("DataChannel | None", self._data_channels.get(stream_id))
        if pp_id == WEBRTC_DCEP:
            await super()._data_channel_receive(stream_id, pp_id, data)
        elif channel is None:
            # It was closed meanwhile.
            return
        elif pp_id == WEBRTC_BINARY:
            channel._receive(data, len(data))
        elif pp_id == WEBRTC_STRING:
            channel._receive(data.decode(), len(data))
        elif pp_id in _EMPTY:
            channel._receive("" if pp_id == WEBRTC_STRING_EMPTY else b"", 0)

    def _data_channel_open(self, channel: RTCDataChannel) -> None:
        ours = cast("DataChannel", channel)
        if self.__parity is not None:
            self.__give_id(ours)
        self._unannounced[ours] = None
        self._data_channel_queue.append((channel, WEBRTC_DCEP, ours._announcement().encode()))
        self.__flush_soon()

    def _data_channel_close(self, channel: RTCDataChannel) -> None:
        ours = cast("DataChannel", channel)
        if ours.readyState in _ENDED:
            return
        established = self._association_state == self.State.ESTABLISHED
        if established and ours not in self._unannounced:
            super()._data_channel_close(channel)
        else:
            # The peer does not know of it.
            ours._setReadyState(DataChannelState.CLOSING)
            self.__close_soon(ours)

    def _forget_channel(self, channel: DataChannel) -> None:
        """Drop a channel that the peer does not know of, and what it was to send."""
        self._unannounced.pop(channel, None)
        queue = self._data_channel_queue
        self._data_channel_queue = deque(item for item in queue if item[0] is not channel)
        if self._data_channels.get(cast("StreamId", channel.id)) is channel:
            del self._data_channels[cast("StreamId", channel.id)]

    def __give_id(self, channel: DataChannel) -> None:
        streams = range(self.__parity or 0, self._outbound_streams_count, 2)
        free = next((stream for stream in streams if stream not in self._data_channels), None)
        if free is None:
            raise InvalidStateError(f"all {len(streams)} streams for channels of ours are in use")
        channel._setId(free)
        self._data_channels[free] = channel

    def __close_soon(self, channel: DataChannel) -> None:
        self._forget_channel(channel)
        # W3C webrtc-pc section 6.2: by a queued task.
        asyncio.get_running_loop().call_soon(channel._setReadyState, DataChannelState.CLOSED)

    def __flush_soon(self) -> None:
        # aiortc makes a task for each message.
        if self.__flush is None:
            self.__flush = asyncio.get_running_loop().call_soon(self.__flush_now)

    def __flush_now(self) -> None:
        self.__flush = None
        run_to_end(self._data_channel_flush())
