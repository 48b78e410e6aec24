"""Receiving of DATA in one association: what is kept, and what is acknowledged. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from peer.transport.sctp.core.chunks import DATA_FIELDS, DATA_HEADER, PAIR, WORD, sack_chunk
from peer.transport.sctp.core.received_tsns import ReceivedTsns
from peer.transport.wire.sctp_reassembly import Reassembly, WholeMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from peer.times import MonotonicTime
    from peer.transport.sctp.core.settings import SctpSettings

# First and last fragment in one (RFC 9260 section 3.3.1).
_WHOLE: Final = 3
# I bit: the peer wants a SACK at once (RFC 7053 section 3).
_IMMEDIATE: Final = 8
#: Packets with DATA after which a SACK goes (RFC 9260 section 6.2).
_PACKETS: Final = 2


class DataChunk:
    """DATA chunk that is part of a message, as `Reassembly` keeps it."""

    __slots__ = ("flags", "protocol", "stream_id", "stream_seq", "tsn", "user_data")

    def __init__(
        self,
        *,
        tsn: int,
        stream_id: int,
        stream_seq: int,
        protocol: int,
        flags: int,
        user_data: bytes,
    ) -> None:
        self.tsn = tsn
        self.stream_id = stream_id
        self.stream_seq = stream_seq
        self.protocol = protocol
        self.flags = flags
        self.user_data = user_data


class DataReceiver:
    """DATA of the peer, in bounds: TSNs, reassembly, and the SACKs about them.

    Args:
        settings: Bounds and the delay of a SACK.
        initial_tsn: TSN of the peer's first chunk.
        is_known: Tells whether a stream has a data channel, and so room for its state.

    Attributes:
        unread: Bytes of messages that programs have yet to read, off the window.
        refused: Chunks that were refused, as they are beyond the bounds.
        tsns: What has come.
    """

    def __init__(
        self, settings: SctpSettings, initial_tsn: int, is_known: Callable[[int], bool]
    ) -> None:
        self._settings = settings
        self._window = settings.window
        self.tsns = ReceivedTsns(initial=initial_tsn, duplicates=settings.duplicates)
        self._reassembly = Reassembly(is_known)
        self.unread = 0
        self.refused = 0
        self._packets = 0
        self._sack_at: MonotonicTime | None = None
        self._sack_now = True
        self._has_news = False

    def __repr__(self) -> str:
        return f"<DataReceiver up to {self.tsns.cumulative}, {self._reassembly!r}>"

    @property
    def deadline(self) -> MonotonicTime | None:
        """Time at which a SACK is due; None where none is."""
        return self._sack_at

    @property
    def window(self) -> int:
        """Bytes that the peer may send now, as a SACK says (`a_rwnd`)."""
        return max(0, self._window - self._reassembly.size - self.unread)

    @property
    def is_excessive(self) -> bool:
        """True where the peer sends fragments that never become messages."""
        return len(self._reassembly) > self._settings.held

    def on_data(self, packet: bytes, *, flags: int, start: int, end: int) -> Iterable[WholeMessage]:
        """Take a DATA chunk; return the messages whose turn has come.

        Args:
            packet: The packet that it is in.
            flags: The flags of the chunk.
            start: Where its fields begin, after its header.
            end: Where it ends.
        """
        tsn, stream, sequence, protocol = DATA_FIELDS.unpack_from(packet, start)
        tsns, reassembly = self.tsns, self._reassembly
        ahead = tsns.ahead(tsn)
        # A peer probes a window that is closed (RFC 9260 section 6.1 A).
        is_full = reassembly.size >= self._window or self.unread >= 2 * self._window
        if ahead and (is_full or ahead > self._settings.tsns_ahead):
            self.refused += 1
            self._has_news = self._sack_now = True
            return ()
        self._has_news = True
        if flags & _IMMEDIATE:
            self._sack_now = True
        if not tsns.add(tsn):
            self._sack_now = True
            return ()
        if not reassembly.has_room_for(stream):
            # RFC 9260 section 6.5: what names no valid stream is acknowledged and dropped.
            self.refused += 1
            return ()
        data = packet[start + DATA_HEADER - 4 : end]
        if flags & _WHOLE == _WHOLE and reassembly.is_next(stream, sequence=sequence, flags=flags):
            return (WholeMessage(stream, protocol, data),)
        return reassembly.add(
            DataChunk(
                tsn=tsn,
                stream_id=stream,
                stream_seq=sequence,
                protocol=protocol,
                flags=flags,
                user_data=data,
            )
        )

    def on_forward_tsn(self, body: bytes) -> Iterable[WholeMessage]:
        """Take a FORWARD TSN; return the messages whose turn has come (RFC 3758 section 3.6)."""
        if len(body) < WORD.size:
            return ()
        self._has_news = self._sack_now = True
        (tsn,) = WORD.unpack_from(body)
        before = self.tsns.cumulative
        if not self.tsns.ahead(tsn):
            return ()
        passed = self.tsns.skip_to(tsn)
        streams = PAIR.iter_unpack(body[4 : len(body) - len(body) % 4])
        return self._reassembly.skip(tsn, (before, *passed), streams)

    def reset(self, streams: Iterable[int]) -> None:
        """Begin streams anew, as the peer has reset them; none is all of them."""
        for stream in tuple(streams) or self._reassembly.streams():
            self._reassembly.reset(stream)

    def end_packet(self, now: MonotonicTime) -> None:
        """Note that a packet is through: every other one with DATA is acknowledged at once."""
        if not self._has_news:
            return
        self._has_news = False
        self._packets += 1
        if self._sack_now or self._packets >= _PACKETS or self.tsns.has_gaps:
            self._sack_at = now
        elif self._sack_at is None:
            self._sack_at = now + self._settings.sack_delay

    def count_unread(self, size: int, now: MonotonicTime) -> None:
        """Count bytes that a program has yet to read; negative where it has read them."""
        before = self.window
        self.unread += size
        if before < self._window // 2 <= self.window:
            # RFC 9260 section 6.2: the peer waits to hear of it.
            self._sack_at = now

    def sack(self, now: MonotonicTime, *, goes_anyway: bool) -> bytes:
        """Return the SACK, if it is due or a packet goes anyway and it has news; or nothing."""
        due = self._sack_at
        if due is None or (now < due and not goes_anyway):
            return b""
        self._sack_at = None
        self._packets = 0
        self._sack_now = False
        tsns = self.tsns
        gaps = tsns.gaps(self._settings.gap_blocks) if tsns.has_gaps else []
        wire = sack_chunk(
            cumulative=tsns.cumulative,
            window=self.window,
            gaps=gaps,
            duplicates=tsns.duplicates,
        )
        tsns.duplicates.clear()
        return wire
