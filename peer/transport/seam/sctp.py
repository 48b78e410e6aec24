"""Owns every private name of aiortc's SCTP transport and data channels that we touch.

An upgrade of aiortc fails here first. The names are pinned by version (`pyproject.toml`) and by
`tests/unit/transport/test_sctp_seam.py`.
"""

from __future__ import annotations

import logging
from collections import deque
from struct import pack
from typing import TYPE_CHECKING, cast

from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import (
    DATA_CHANNEL_OPEN,
    LOCAL_MAX_MESSAGE_SIZE,
    SCTP_TSN_MODULO,
    WEBRTC_DCEP,
    RTCSctpCapabilities,
    RTCSctpTransport,
    ShutdownChunk,
)

from peer.transport.eager import run_to_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc.rtcdtlstransport import RTCDtlsTransport
    from aiortc.rtcsctptransport import Chunk, DataChunk, SackChunk

logger = logging.getLogger(__name__)

MAX_MESSAGE_SIZE = LOCAL_MAX_MESSAGE_SIZE
SCTP_PORT = 5000
CHANNEL_LIMIT = 1024
# Of the chunks that the peer may have us hold: how far ahead of the next one expected, in all, and
# how often all are counted.
AHEAD_LIMIT = 2048
HELD_LIMIT = 8192
COUNT_INTERVAL = 512


class _NoTransport:
    """Stands for the DTLS transport until there is one."""

    state = "new"
    _role = "auto"

    def _unregister_data_receiver(self, receiver: object) -> None:
        pass


class Association(RTCSctpTransport):
    """aiortc's SCTP transport, bounded in what a peer can make of it.

    Args:
        on_close: Called once, when the association has ended, whoever ended it.

    Attributes:
        refused_channels: Channels of the peer beyond `CHANNEL_LIMIT`.
        refused_chunks: DATA beyond what we hold.
    """

    def __init__(self, on_close: Callable[[], None]) -> None:
        super().__init__(cast("RTCDtlsTransport", _NoTransport()), SCTP_PORT)
        self.__on_close = on_close
        self.__closed = False
        self.__received = 0
        self.refused_channels = 0
        self.refused_chunks = 0

    @property
    def established(self) -> bool:
        """Whether messages can flow."""
        return self._association_state == self.State.ESTABLISHED

    @property
    def channels(self) -> tuple[RTCDataChannel, ...]:
        """Those that have an id."""
        return tuple(self._data_channels.values())

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

    def open_channel(self, parameters: RTCDataChannelParameters) -> RTCDataChannel:
        """A channel of ours, announced to the peer as soon as that is possible."""
        return RTCDataChannel(self, parameters)

    async def handle(self, packet: bytes) -> None:
        """Take a packet of the peer; raises whatever aiortc raises about one it did not expect."""
        await self._handle_data(packet)

    async def _receive_chunk(self, chunk: Chunk) -> None:
        await super()._receive_chunk(chunk)
        if isinstance(chunk, ShutdownChunk):
            # aiortc waits minutes for a SHUTDOWN COMPLETE; WebRTC has no half-closed channels.
            self._set_state(self.State.CLOSED)

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        self.__received += 1
        if self._last_received_tsn is None or self.__is_beyond_limits(chunk):
            self.refused_chunks += 1
            return
        if self.__received % COUNT_INTERVAL == 0 and self.__held() > HELD_LIMIT:
            logger.warning("the peer sends fragments that never become messages: aborting")
            self.end()
            return
        await super()._receive_data_chunk(chunk)

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        outstanding = (self._local_tsn - 1 - chunk.cumulative_tsn) % SCTP_TSN_MODULO
        if outstanding >= SCTP_TSN_MODULO // 2:
            # RFC 9260 section 6.2.1: an acknowledgement of what was never sent is ignored.
            return
        # aiortc walks through every TSN of every block, as often as blocks overlap.
        gaps = []
        last = 0
        for start, end in chunk.gaps:
            if not last < start <= end <= outstanding:
                break
            gaps.append((start, end))
            last = end
        chunk.gaps = gaps
        await super()._receive_sack_chunk(chunk)

    def __is_beyond_limits(self, chunk: DataChunk) -> bool:
        ahead = (chunk.tsn - (self._last_received_tsn or 0)) % SCTP_TSN_MODULO
        is_new = ahead < SCTP_TSN_MODULO // 2
        return is_new and (ahead > AHEAD_LIMIT or self._advertised_rwnd <= 0)

    def __held(self) -> int:
        return sum(len(stream.reassembly) for stream in self._inbound_streams.values())

    async def _data_channel_receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        opens = pp_id == WEBRTC_DCEP and data[:1] == bytes([DATA_CHANNEL_OPEN])
        if opens and len(self._data_channels) >= CHANNEL_LIMIT:
            self.refused_channels += 1
            return
        await super()._data_channel_receive(stream_id, pp_id, data)

    def _data_channel_open(self, channel: RTCDataChannel) -> None:
        super()._data_channel_open(channel)
        # aiortc counts characters where RFC 8832 section 5.1 counts bytes.
        _, protocol, message = self._data_channel_queue.pop()
        label, subprotocol = (len(text.encode()) for text in (channel.label, channel.protocol))
        message = message[:8] + pack("!HH", label, subprotocol) + message[12:]
        self._data_channel_queue.append((channel, protocol, message))

    async def _data_channel_flush(self) -> None:
        announcing = [
            channel for channel, protocol, _ in self._data_channel_queue if protocol == WEBRTC_DCEP
        ]
        await super()._data_channel_flush()
        for channel in announcing:
            # W3C webrtc-pc section 6.1.2: a channel is open when the association is; a message may
            # follow the announcement at once. Without order it might overtake it, so there the
            # acknowledgement is waited for (RFC 8832 section 6).
            if channel.ordered and channel.id is not None and channel.readyState == "connecting":
                channel._setReadyState("open")

    def _set_state(self, state: RTCSctpTransport.State) -> None:
        super()._set_state(state)
        if state == self.State.CLOSED and not self.__closed:
            self.__closed = True
            # aiortc leaves channels without an id where they are: connecting, for ever.
            unannounced, self._data_channel_queue = self._data_channel_queue, deque()
            for channel, _, _ in unannounced:
                channel._setReadyState("closed")
            self.__on_close()
