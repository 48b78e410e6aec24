"""Limits on the memory and work of aiortc's SCTP transport as a sender to a peer.

aiortc keeps what the peer does not acknowledge without limit, looks through all of it for each
message, and for each chunk that it abandons (RFC 3758) through all of it again.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, cast

from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    SCTP_DATA_UNORDERED,
    SCTP_TSN_MODULO,
    USERDATA_MAX_LENGTH,
    DataChunk,
    ForwardTsnChunk,
    InitChunk,
    RTCSctpTransport,
)
from aiortc.utils import uint32_gt

from peer.transport.adapters.coroutines import run_to_end
from peer.transport.adapters.turn_budget import TurnBudget

if TYPE_CHECKING:
    from aiortc.rtcdtlstransport import RTCDtlsTransport
    from aiortc.rtcsctptransport import Chunk

#: TSNs that a DATA chunk may be ahead of the cumulative one, ours and the peer's (ours).
AHEAD_LIMIT: Final = 2048
#: Streams that a FORWARD TSN of ours names; it fits into a packet, and the rest is skipped by the
#: next one (ours).
FORWARD_STREAMS_LIMIT: Final = 256
#: Steps of an association in a turn of the event loop: a chunk, a message, an answer is one. Less
#: than five milliseconds, with 10 to 20 us each, and enough for the 64 datagrams that a socket
#: hands up in a turn, each with a message and answered by a SACK (ours).
STEPS_PER_TURN: Final = 256
#: Steps that a DATA chunk of ours takes: no more are sent in a turn than the peer reads in one of
#: its turns, if it is one of ours (ours).
STEPS_PER_DATA: Final = 4
#: Initial value of the retransmission timer in seconds (RFC 9260 section 16 has 1 s for any path;
#: ours is that of libdatachannel: ICE has shown that the peer is there).
RTO_INITIAL: Final = 0.5


class BoundedSctpSender(RTCSctpTransport):
    """aiortc's SCTP transport with limits on what it keeps and does as a sender.

    Args:
        transport: The DTLS transport.
        port: SCTP port of ours.
    """

    def __init__(self, transport: RTCDtlsTransport, port: int) -> None:
        super().__init__(transport, port)
        self._rto = RTO_INITIAL
        self._turn = TurnBudget(STEPS_PER_TURN)
        #: Some chunk may be marked for retransmission.
        self._may_retransmit = False
        #: Bytes that the peer takes beyond what it has acknowledged (RFC 9260 section 6.2.1); no
        #: limit before its first SACK.
        self._peer_window = SCTP_TSN_MODULO
        self.__probe: asyncio.TimerHandle | None = None
        self.__next_turn: asyncio.Handle | None = None

    async def _send_chunk(self, chunk: Chunk) -> None:
        self._turn.spend(STEPS_PER_DATA if chunk.type == DataChunk.type else 1)
        if chunk.type != InitChunk.type:
            await super()._send_chunk(chunk)
            return
        # RFC 9260 section 8.5.1: an INIT has no tag. The peer's may be known by the time that ours
        # is sent again: where both begin at once and both answers are lost, neither took one more.
        tag, self._remote_verification_tag = self._remote_verification_tag, 0
        try:
            await super()._send_chunk(chunk)
        finally:
            self._remote_verification_tag = tag

    def _t3_expired(self) -> None:
        self._may_retransmit = True
        super()._t3_expired()

    # As aiortc's, with an end to what is unacknowledged and to what is sent in a turn.
    async def _transmit(self) -> None:
        if self._forward_tsn_chunk is not None:
            await self._send_chunk(self._forward_tsn_chunk)
            self._forward_tsn_chunk = None
            if not self._t3_handle:
                self._t3_start()
        recovers = cast("int | None", self._fast_recovery_exit) is not None
        burst = (2 if recovers else 4) * USERDATA_MAX_LENGTH
        window = min(self._flight_size + burst, self._cwnd)
        if self._may_retransmit and not await self.__retransmit(window):
            return
        queue = self._outbound_queue
        window = min(window, self._peer_window)
        if queue and self._flight_size == 0 and self._peer_window <= 0:
            self.__probe_later()
        while queue and self._flight_size < window and self.__may_be_sent(queue[0]):
            if self._turn.exhausted:
                self.__go_on_next_turn()
                return
            chunk = queue.popleft()
            self._sent_queue.append(chunk)
            self._flight_size_increase(chunk)
            chunk._sent_count += 1
            chunk._sent_time = time.time()
            await self._send_chunk(chunk)
            if not self._t3_handle:
                self._t3_start()

    def _stop_probing(self) -> None:
        if self.__probe is not None:
            self.__probe.cancel()
            self.__probe = None

    def __probe_later(self) -> None:
        # RFC 9260 section 6.1 A: what says that the window is open again may be lost.
        if self.__probe is None:
            loop = asyncio.get_running_loop()
            self.__probe = loop.call_later(self._rto, self.__probe_window)

    def __probe_window(self) -> None:
        self.__probe = None
        # One chunk, whose SACK has the window.
        self._peer_window = max(self._peer_window, 1)
        run_to_end(self._transmit())

    async def __retransmit(self, window: int) -> bool:
        """Send lost chunks again; return False where some have to wait."""
        earliest = self._sent_queue[0] if self._sent_queue else None
        for chunk in self._sent_queue:
            if not chunk._retransmit:
                continue
            if self._turn.exhausted:
                self.__go_on_next_turn()
                return False
            if self._fast_recovery_transmit:
                self._fast_recovery_transmit = False
            elif self._flight_size >= window:
                return False
            self._flight_size_increase(chunk)
            chunk._misses = 0
            chunk._retransmit = False
            chunk._sent_count += 1
            await self._send_chunk(chunk)
            if chunk is earliest:
                self._t3_restart()
        self._may_retransmit = False
        return True

    def __may_be_sent(self, chunk: DataChunk) -> bool:
        ahead: int = (chunk.tsn - self._last_sacked_tsn) % SCTP_TSN_MODULO
        return ahead <= AHEAD_LIMIT

    def __go_on_next_turn(self) -> None:
        if self.__next_turn is None:
            self.__next_turn = asyncio.get_running_loop().call_soon(self.__go_on)

    def __go_on(self) -> None:
        self.__next_turn = None
        run_to_end(self.__transmit_and_flush())

    async def __transmit_and_flush(self) -> None:
        await self._transmit()
        await self._data_channel_flush()

    # As aiortc's, which looks for the chunk from the beginning.
    def _maybe_abandon(self, chunk: DataChunk) -> bool:
        if chunk._abandoned:
            return True
        sent_often = (
            chunk._max_retransmits is not None and chunk._sent_count > chunk._max_retransmits
        )
        if not sent_often and not (chunk._expiry is not None and chunk._expiry < time.time()):
            return False
        sent = self._sent_queue
        # The TSNs of what is sent follow each other.
        position = (chunk.tsn - sent[0].tsn) % SCTP_TSN_MODULO
        first = position
        while first and not sent[first].flags & SCTP_DATA_FIRST_FRAG:
            first -= 1
        for index in range(first, len(sent)):
            self.__abandon(sent[index])
            if index >= position and sent[index].flags & SCTP_DATA_LAST_FRAG:
                return True
        # RFC 3758 section 3.5 A3: the fragments that were not sent yet, too.
        for waiting in self._outbound_queue:
            self.__abandon(waiting)
            if waiting.flags & SCTP_DATA_LAST_FRAG:
                break
        return True

    def __abandon(self, chunk: DataChunk) -> None:
        chunk._abandoned = True
        chunk._retransmit = False
        self._flight_size_decrease(chunk)

    # As aiortc's, with an end to the streams that one FORWARD TSN names.
    def _update_advanced_peer_ack_point(self) -> None:
        if uint32_gt(self._last_sacked_tsn, self._advanced_peer_ack_tsn):
            self._advanced_peer_ack_tsn = self._last_sacked_tsn
        skipped = {
            stream: (sequence, tsn)
            for stream, (sequence, tsn) in self._forward_tsn_streams.items()
            if uint32_gt(tsn, self._last_sacked_tsn)
        }
        self._forward_tsn_streams = skipped
        sent, waiting = self._sent_queue, self._outbound_queue
        while waiting and waiting[0]._abandoned and self.__may_be_sent(waiting[0]):
            sent.append(waiting.popleft())
        while sent and sent[0]._abandoned:
            chunk = sent[0]
            if not chunk.flags & SCTP_DATA_UNORDERED:
                if len(skipped) >= FORWARD_STREAMS_LIMIT and chunk.stream_id not in skipped:
                    break
                skipped[chunk.stream_id] = (chunk.stream_seq, chunk.tsn)
            sent.popleft()
            self._advanced_peer_ack_tsn = chunk.tsn
        # RFC 3758 section 3.5 C3 and A5: until the peer acknowledges it.
        if uint32_gt(self._advanced_peer_ack_tsn, self._last_sacked_tsn):
            forward = self._forward_tsn_chunk = ForwardTsnChunk()
            forward.cumulative_tsn = self._advanced_peer_ack_tsn
            forward.streams = [(stream, sequence) for stream, (sequence, _) in skipped.items()]
