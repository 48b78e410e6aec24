"""Makes messages out of the DATA chunks of SCTP (RFC 9260 section 6.9), in bounded work. PURE.

A chunk costs the same however many are kept: fragments are found by their TSN, messages that wait
for their turn by their stream sequence number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Flags of a DATA chunk (RFC 9260 section 3.3.1).
_LAST, _FIRST, _UNORDERED = 1, 2, 4
# TSNs begin at 0 again here (RFC 9260 section 1.6).
_TSN_MODULO = 2**32
# Stream sequence numbers begin at 0 again here (RFC 9260 section 1.6).
_SEQUENCE_MODULO = 2**16
#: Streams with state, beyond which only those of data channels get one (ours: twice as many as the
#: channels that a peer may have).
STREAM_LIMIT: Final = 2048


class DataFragment(Protocol):
    """DATA chunk of SCTP: a whole message or a part of one."""

    tsn: int
    stream_id: int
    stream_seq: int
    protocol: int
    flags: int
    user_data: bytes


class WholeMessage(NamedTuple):
    """Message whose turn has come.

    Args:
        stream: Stream id.
        protocol: Payload protocol identifier (RFC 8831 section 8).
        data: The payload.
    """

    stream: int
    protocol: int
    data: bytes


class _Stream:
    """State of one stream of the peer."""

    __slots__ = ("expected", "fragments", "waiting")

    def __init__(self) -> None:
        #: Stream sequence number of the next ordered message.
        self.expected = 0
        #: Whole messages by their stream sequence number, which come after `expected`.
        self.waiting: dict[int, WholeMessage] = {}
        #: TSNs of the fragments.
        self.fragments: set[int] = set()


class Reassembly:
    """Messages of all streams of one association.

    Each TSN is to be added once only.

    Args:
        is_known: Tells whether a stream has room beyond `STREAM_LIMIT`, as it has a data channel.

    Attributes:
        size: Bytes of user data that are kept.
    """

    def __init__(self, is_known: Callable[[int], bool] = lambda _: False) -> None:
        self.size = 0
        self._is_known = is_known
        self._streams: dict[int, _Stream] = {}
        self._fragments: dict[int, DataFragment] = {}
        # A run is what is there of one message without a gap: its last TSN by its first one, and
        # its first by its last.
        self._last_of: dict[int, int] = {}
        self._first_of: dict[int, int] = {}
        self._waiting = 0

    def __len__(self) -> int:
        """Fragments and messages that are kept."""
        return len(self._fragments) + self._waiting

    def __repr__(self) -> str:
        kept = f"{len(self._fragments)} fragments, {self._waiting} messages"
        return f"<Reassembly {kept}, {self.size} bytes, {len(self._streams)} streams>"

    def has_room_for(self, stream: int) -> bool:
        """Tell whether the state of a stream is there, or may be made."""
        has_room = stream in self._streams or len(self._streams) < STREAM_LIMIT
        return has_room or self._is_known(stream)

    def is_next(self, number: int, *, sequence: int, flags: int) -> bool:
        """Tell whether a whole message is handed up as it comes; then its turn has passed.

        It is so where it is unordered, or the next one and none waits behind it.
        """
        stream = self._stream(number)
        if flags & _UNORDERED:
            return True
        if sequence != stream.expected or stream.waiting:
            return False
        stream.expected = (sequence + 1) % _SEQUENCE_MODULO
        return True

    def streams(self) -> tuple[int, ...]:
        """Return the streams that have state."""
        return tuple(self._streams)

    def add(self, fragment: DataFragment) -> list[WholeMessage]:
        """Take one chunk of the peer; return the messages whose turn has come, in their order."""
        self.size += len(fragment.user_data)
        stream = self._stream(fragment.stream_id)
        if fragment.flags & (_FIRST | _LAST) == _FIRST | _LAST:
            return self._completed(stream, fragment, fragment.user_data)
        first, last = self._join(stream, fragment)
        if not self._fragments[first].flags & _FIRST or not self._fragments[last].flags & _LAST:
            return []
        run = self._pop_run(first)
        return self._completed(stream, fragment, b"".join(each.user_data for each in run))

    def skip(
        self,
        cumulative: int,
        passed: Iterable[int],
        streams: Iterable[tuple[int, int]],
    ) -> list[WholeMessage]:
        """Give up what the peer will not send any more (RFC 3758 section 3.6).

        Args:
            cumulative: Cumulative TSN from now on.
            passed: The cumulative TSN so far, and those up to the new one that were received.
            streams: Stream ids, each with the last stream sequence number that is skipped.

        Returns:
            The messages whose turn has come thereby, in their order.
        """
        for tsn in passed:
            # A run begins after the TSN so far, or ends with it.
            first = self._first_of.get(tsn, tsn)
            last = self._last_of.get(first)
            if last is None:
                continue
            passes = (last - cumulative) % _TSN_MODULO < _TSN_MODULO // 2
            # A message whose fragments so far are all there may go on after the skipped ones.
            if not (passes and self._fragments[first].flags & _FIRST):
                self.size -= sum(len(each.user_data) for each in self._pop_run(first))
        messages: list[WholeMessage] = []
        for number, sequence in streams:
            if self.has_room_for(number):
                messages += self._skip_sequence(self._stream(number), sequence)
        return messages

    def reset(self, number: int) -> None:
        """Forget a stream that the peer has reset (RFC 6525); it begins anew."""
        stream = self._streams.pop(number, None)
        if stream is None:
            return
        self._waiting -= len(stream.waiting)
        self.size -= sum(len(message.data) for message in stream.waiting.values())
        for tsn in stream.fragments:
            fragment = self._fragments.pop(tsn)
            self.size -= len(fragment.user_data)
            last = self._last_of.pop(tsn, None)
            if last is not None:
                del self._first_of[last]

    def _stream(self, number: int) -> _Stream:
        stream = self._streams.get(number)
        if stream is None:
            stream = self._streams[number] = _Stream()
        return stream

    def _join(self, stream: _Stream, fragment: DataFragment) -> tuple[int, int]:
        """Keep a fragment of a message; return the first and the last TSN of its run."""
        first = last = fragment.tsn
        before, after = (first - 1) % _TSN_MODULO, (last + 1) % _TSN_MODULO
        self._fragments[fragment.tsn] = fragment
        stream.fragments.add(fragment.tsn)
        if _continues(self._fragments.get(before), fragment):
            first = self._first_of.pop(before)
            del self._last_of[first]
        if _continues(fragment, self._fragments.get(after)):
            last = self._last_of.pop(after)
            del self._first_of[last]
        self._last_of[first] = last
        self._first_of[last] = first
        return first, last

    def _pop_run(self, first: int) -> list[DataFragment]:
        last = self._last_of.pop(first)
        del self._first_of[last]
        count = (last - first) % _TSN_MODULO + 1
        run = [self._fragments.pop((first + n) % _TSN_MODULO) for n in range(count)]
        kept = self._streams[run[0].stream_id].fragments
        kept.difference_update(fragment.tsn for fragment in run)
        return run

    def _completed(
        self, stream: _Stream, fragment: DataFragment, data: bytes
    ) -> list[WholeMessage]:
        message = WholeMessage(fragment.stream_id, fragment.protocol, data)
        ahead = (fragment.stream_seq - stream.expected) % _SEQUENCE_MODULO
        if fragment.flags & _UNORDERED or ahead >= _SEQUENCE_MODULO // 2:
            self.size -= len(data)
            return [message]
        if ahead:
            if fragment.stream_seq in stream.waiting:
                # Only a peer that is broken sends a number twice; the first one counts.
                self.size -= len(data)
                return []
            stream.waiting[fragment.stream_seq] = message
            self._waiting += 1
            return []
        self.size -= len(data)
        stream.expected = (stream.expected + 1) % _SEQUENCE_MODULO
        return [message, *self._in_turn(stream)]

    def _in_turn(self, stream: _Stream) -> Iterator[WholeMessage]:
        while stream.expected in stream.waiting:
            yield self._take(stream, stream.expected)
            stream.expected = (stream.expected + 1) % _SEQUENCE_MODULO

    def _take(self, stream: _Stream, sequence: int) -> WholeMessage:
        message = stream.waiting.pop(sequence)
        self._waiting -= 1
        self.size -= len(message.data)
        return message

    def _skip_sequence(self, stream: _Stream, sequence: int) -> list[WholeMessage]:
        begin = stream.expected
        skipped = (sequence + 1 - begin) % _SEQUENCE_MODULO
        if not 0 < skipped < _SEQUENCE_MODULO // 2:
            # A FORWARD TSN may name a message again.
            return []
        if skipped < len(stream.waiting):
            numbers = [(begin + n) % _SEQUENCE_MODULO for n in range(skipped)]
        else:
            numbers = sorted(stream.waiting, key=lambda number: (number - begin) % _SEQUENCE_MODULO)
        messages = [
            self._take(stream, number)
            for number in numbers
            if number in stream.waiting and (number - begin) % _SEQUENCE_MODULO < skipped
        ]
        stream.expected = (sequence + 1) % _SEQUENCE_MODULO
        return [*messages, *self._in_turn(stream)]


def _continues(one: DataFragment | None, other: DataFragment | None) -> bool:
    """Tell whether a fragment is the next one of the same message."""
    return (
        one is not None
        and other is not None
        and not one.flags & _LAST
        and not other.flags & _FIRST
        and one.stream_id == other.stream_id
        and one.flags & _UNORDERED == other.flags & _UNORDERED
        and (one.stream_seq == other.stream_seq or bool(one.flags & _UNORDERED))
    )
