"""Limits on the memory and work that a peer can cause in aiortc's SCTP transport."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aiortc.rtcsctptransport import SCTP_TSN_MODULO, InitChunk, RTCSctpTransport, ShutdownChunk

if TYPE_CHECKING:
    from aiortc.rtcdtlstransport import RTCDtlsTransport
    from aiortc.rtcsctptransport import Chunk, DataChunk, SackChunk

logger = logging.getLogger(__name__)

#: TSNs that a DATA chunk may be ahead of the cumulative one; others are refused (ours).
AHEAD_LIMIT = 2048
#: Chunks kept for reassembly in all; beyond, the association is aborted (ours).
HELD_LIMIT = 8192
#: DATA chunks between two counts of those kept (ours).
COUNT_INTERVAL = 512


class BoundedSctp(RTCSctpTransport):
    """aiortc's SCTP transport with limits on what a peer can make it keep and do.

    Args:
        transport: The DTLS transport.
        port: SCTP port of ours.

    Attributes:
        refused_chunks: DATA chunks refused, as they are beyond the limits.
    """

    def __init__(self, transport: RTCDtlsTransport, port: int) -> None:
        super().__init__(transport, port)
        self.__received = 0
        self.refused_chunks = 0

    @property
    def knows_the_peer(self) -> bool:
        """True once an INIT or INIT ACK of the peer was received."""
        return self._last_received_tsn is not None

    async def _receive_chunk(self, chunk: Chunk) -> None:
        if isinstance(chunk, InitChunk) and self.knows_the_peer:
            await self.__receive_init_again(chunk)
            return
        await super()._receive_chunk(chunk)
        if isinstance(chunk, ShutdownChunk):
            # aiortc waits minutes for a SHUTDOWN COMPLETE; WebRTC has no half-closed channels.
            self._set_state(self.State.CLOSED)

    async def __receive_init_again(self, chunk: InitChunk) -> None:
        # RFC 9260 sections 5.2.1 and 5.2.2: it is answered and changes nothing. aiortc would expect
        # the peer's first DATA once more.
        received, reset = self._last_received_tsn, self._reconfig_response_seq
        threshold, streams = self._ssthresh, self._inbound_streams_count
        await super()._receive_chunk(chunk)
        self._last_received_tsn, self._reconfig_response_seq = received, reset
        self._ssthresh, self._inbound_streams_count = threshold, streams

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        self.__received += 1
        if not self.knows_the_peer or self.__is_beyond_limits(chunk):
            self.refused_chunks += 1
            return
        if self.__received % COUNT_INTERVAL == 0 and self.__held() > HELD_LIMIT:
            logger.warning("the peer sends fragments that never become messages: aborting")
            await self.stop()
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
