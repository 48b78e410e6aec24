"""Limits on the memory and work that a peer can cause in aiortc's SCTP transport.

aiortc looks through all that it keeps for each DATA and each FORWARD TSN, and keeps a stream for
each id that is named. What is received is put together by `Reassembly` instead. What one turn of
the event loop does for a peer is counted (`STEPS_PER_TURN`): the rest waits for the next turn.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from aiortc.rtcsctptransport import (
    SCTP_TSN_MODULO,
    InitChunk,
    SackChunk,
    ShutdownChunk,
)

from peer.transport.adapters.coroutines import run_to_end
from peer.transport.adapters.sctp_sender import AHEAD_LIMIT, BoundedSctpSender
from peer.transport.wire.sctp_reassembly import Reassembly

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiortc.rtcdtlstransport import RTCDtlsTransport
    from aiortc.rtcsctptransport import Chunk, DataChunk, ForwardTsnChunk

    from peer.transport.wire.sctp_reassembly import WholeMessage

logger = logging.getLogger(__name__)

#: Chunks and messages kept for reassembly; beyond, the association is aborted (ours).
HELD_LIMIT: Final = 8192
#: Bytes of user data kept for reassembly, as we announce them (aiortc's).
WINDOW: Final = 1024 * 1024
#: Gap blocks of a SACK of ours, so that it fits into a packet (ours).
GAP_LIMIT: Final = 256
#: TSNs that a SACK of ours reports as received twice (ours).
DUPLICATE_LIMIT: Final = 32
#: Bytes that programs have yet to read, from which on DATA is refused: a peer that heeds the window
#: only probes beyond it (ours).
UNREAD_LIMIT: Final = 2 * WINDOW
#: Bytes of the window that are worth a SACK of their own once programs have read (ours).
_WINDOW_REOPENS: Final = WINDOW // 2
# TSNs and messages that are looked through in the time of one step.
_LOOKED_AT = 64


class BoundedSctp(BoundedSctpSender):
    """aiortc's SCTP transport with limits on what a peer can make it keep and do.

    Args:
        transport: The DTLS transport.
        port: SCTP port of ours.

    Attributes:
        refused_chunks: DATA chunks refused, as they are beyond the limits.
    """

    def __init__(self, transport: RTCDtlsTransport, port: int) -> None:
        super().__init__(transport, port)
        self.__reassembly = Reassembly(is_known=lambda stream: stream in self._data_channels)
        #: Bytes of messages that programs have yet to read.
        self.__unread = 0
        self.refused_chunks = 0

    @property
    def knows_the_peer(self) -> bool:
        """True once an INIT or INIT ACK of the peer was received."""
        return self._last_received_tsn is not None

    def count_unread(self, size: int) -> None:
        """Count bytes that a program has yet to read, off the window that the peer may fill.

        Args:
            size: Negative for bytes that it has read.
        """
        before = self._advertised_rwnd
        self.__unread += size
        self.__set_window()
        reopens = before < _WINDOW_REOPENS <= self._advertised_rwnd
        if reopens and self._association_state == self.State.ESTABLISHED:
            # RFC 9260 section 6.2: the peer waits to hear of it.
            run_to_end(self._send_sack())

    def __set_window(self) -> None:
        self._advertised_rwnd = WINDOW - self.__reassembly.size - self.__unread

    async def _receive_chunk(self, chunk: Chunk) -> None:
        await self._turn.available()
        self._turn.spend()
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
        if not self.knows_the_peer or self.__is_beyond_limits(chunk):
            self.refused_chunks += 1
            return
        self._sack_needed = True
        if self._mark_received(chunk.tsn):
            return
        if not self.__reassembly.has_room_for(chunk.stream_id):
            # RFC 9260 section 6.5: what names no valid stream is acknowledged and dropped.
            self.refused_chunks += 1
            return
        await self.__deliver(self.__reassembly.add(chunk))
        if len(self.__reassembly) > HELD_LIMIT:
            logger.warning("the peer sends fragments that never become messages: aborting")
            await self.stop()
            return
        await self._reset_deferred_streams()

    async def _receive_forward_tsn_chunk(self, chunk: ForwardTsnChunk) -> None:
        self._sack_needed = True
        received = self._last_received_tsn
        if received is None or not _is_later(chunk.cumulative_tsn, than=received):
            return
        passed = self.__passed(received, chunk.cumulative_tsn)
        self._sack_misordered.difference_update(passed)
        self.__advance(chunk.cumulative_tsn)
        self._turn.spend((len(chunk.streams) + len(passed)) // _LOOKED_AT)
        messages = self.__reassembly.skip(chunk.cumulative_tsn, (received, *passed), chunk.streams)
        await self.__deliver(messages)
        await self._reset_deferred_streams()

    def __passed(self, received: int, cumulative: int) -> list[int]:
        """List the TSNs after the cumulative one, up to the next one, that have come."""
        ahead = self._sack_misordered
        skipped = (cumulative - received) % SCTP_TSN_MODULO
        if skipped < len(ahead):
            tsns = ((received + number) % SCTP_TSN_MODULO for number in range(1, skipped + 1))
            return [tsn for tsn in tsns if tsn in ahead]
        return [tsn for tsn in ahead if not _is_later(tsn, than=cumulative)]

    async def __deliver(self, messages: Iterable[WholeMessage]) -> None:
        self.__set_window()
        failure: Exception | None = None
        for message in messages:
            await self._turn.available()
            self._turn.spend()
            try:
                await self._receive(*message)
            except Exception as error:  # one bad message must not take the others along
                failure = failure or error
        if failure is not None:
            raise failure

    async def _reset_deferred_streams(self) -> None:
        request = self._reconfig_deferred
        await super()._reset_deferred_streams()
        if request is not None and self._reconfig_deferred is None:
            for stream in request.streams:
                self.__reassembly.reset(stream)
            self.__set_window()

    # As aiortc's, which sorts all TSNs that are ahead for each one that comes.
    def _mark_received(self, tsn: int) -> bool:
        received = self._last_received_tsn or 0
        if not _is_later(tsn, than=received) or tsn in self._sack_misordered:
            if len(self._sack_duplicates) < DUPLICATE_LIMIT:
                self._sack_duplicates.append(tsn)
            return True
        if tsn == (received + 1) % SCTP_TSN_MODULO:
            self.__advance(tsn)
        else:
            self._sack_misordered.add(tsn)
        return False

    def __advance(self, tsn: int) -> None:
        """Set the cumulative TSN, and go on with those that are there already."""
        ahead = self._sack_misordered
        while (following := (tsn + 1) % SCTP_TSN_MODULO) in ahead:
            ahead.remove(following)
            tsn = following
        self._last_received_tsn = tsn

    # As aiortc's, with an end to what a SACK says, and right where TSNs begin at 0 again.
    async def _send_sack(self) -> None:
        received = self._last_received_tsn or 0
        offsets = sorted((tsn - received) % SCTP_TSN_MODULO for tsn in self._sack_misordered)
        self._turn.spend(len(offsets) // _LOOKED_AT)
        gaps: list[tuple[int, int]] = []
        for offset in offsets:
            if gaps and offset == gaps[-1][1] + 1:
                gaps[-1] = (gaps[-1][0], offset)
            elif len(gaps) == GAP_LIMIT:
                break
            else:
                gaps.append((offset, offset))
        sack = SackChunk()
        sack.cumulative_tsn = received
        sack.advertised_rwnd = max(0, self._advertised_rwnd)
        sack.gaps = gaps
        sack.duplicates = self._sack_duplicates[:]
        await self._send_chunk(sack)
        self._sack_duplicates.clear()
        self._sack_needed = False

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        outstanding = (self._local_tsn - 1 - chunk.cumulative_tsn) % SCTP_TSN_MODULO
        if outstanding >= SCTP_TSN_MODULO // 2:
            # RFC 9260 section 6.2.1: an acknowledgement of what was never sent is ignored.
            return
        # aiortc walks through every TSN of every block, as often as blocks overlap.
        gaps = []
        last = 0
        for start, end in chunk.gaps:
            if not last < start <= end <= min(outstanding, AHEAD_LIMIT):
                break
            gaps.append((start, end))
            last = end
        chunk.gaps = gaps
        if not _is_later(self._last_sacked_tsn, than=chunk.cumulative_tsn):
            self._peer_window = chunk.advertised_rwnd
        if gaps:
            self._may_retransmit = True
            self._turn.spend((last + len(self._sent_queue)) // _LOOKED_AT)
        await super()._receive_sack_chunk(chunk)

    def __is_beyond_limits(self, chunk: DataChunk) -> bool:
        ahead = (chunk.tsn - (self._last_received_tsn or 0)) % SCTP_TSN_MODULO
        is_new = ahead < SCTP_TSN_MODULO // 2
        # A peer probes a window that is closed (RFC 9260 section 6.1 A).
        is_full = self.__reassembly.size >= WINDOW or self.__unread >= UNREAD_LIMIT
        return is_new and (ahead > AHEAD_LIMIT or is_full)


def _is_later(tsn: int, *, than: int) -> bool:
    return 0 < (tsn - than) % SCTP_TSN_MODULO < SCTP_TSN_MODULO // 2
