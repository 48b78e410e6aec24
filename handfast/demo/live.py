"""The ladder diagram of a running call, sent to its page row by row over a data channel."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Final

import msgspec

from handfast.trace.buffer import TraceBuffer
from handfast.trace.ladder import TracedEnd, draw
from handfast.trace.rows import Arrow, Mood, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from peer import DataChannel

#: Seconds between two updates of a ladder (ours).
_INTERVAL: Final = 0.25
#: Most rows of a live ladder (ours); a trace that `handfast demo --trace` saves has them all.
_MOST_ROWS: Final = 200
#: Most details of one row that are sent (ours).
_MOST_DETAILS: Final = 8
#: Bytes of one message, and bytes that may wait on the channel before another update (ours).
_MESSAGE_SIZE: Final = 16 * 1024
_MAX_BUFFERED: Final = 64 * 1024


class LadderPart(msgspec.Struct, frozen=True):
    """Message of the channel `ladder` that replaces all rows from index `start` on."""

    left: str
    right: str
    verdict: str
    mood: Mood
    remarks: tuple[str, ...]
    start: int
    rows: list[msgspec.Raw]


class LiveLadder:
    """Records the trace of one end of a call, and shows its ladder to the page.

    Attributes:
        buffer: The trace sink for the connection.
    """

    def __init__(self) -> None:
        self.buffer = TraceBuffer()
        self._channel: asyncio.Future[DataChannel] = asyncio.Future()
        self._shown: list[bytes] = []

    def attach(self, channel: DataChannel) -> None:
        """Send the ladder on this channel; later channels are ignored, as a page has one."""
        if not self._channel.done():
            self._channel.set_result(channel)

    async def run(self) -> None:
        """Send changed rows until cancelled."""
        channel = await self._channel
        while True:
            await self.buffer.changed.wait()
            self.buffer.changed.clear()
            if channel.readyState == "open" and channel.bufferedAmount < _MAX_BUFFERED:
                for part in self._parts():
                    channel.send(msgspec.json.encode(part).decode())
            else:
                self.buffer.changed.set()
            await asyncio.sleep(_INTERVAL)

    def _parts(self) -> Iterator[LadderPart]:
        """Yield the messages that bring the page's ladder up to date."""
        end = TracedEnd("Python peer", self.buffer.events)
        ladder = draw(end, peer="this page", limit=_MOST_ROWS)
        rows = [msgspec.json.encode(_compact(row)) for row in ladder.rows]
        same = sum(1 for _ in itertools.takewhile(_equal, zip(rows, self._shown, strict=False)))
        self._shown = rows
        for start, end_ in _slices([len(row) for row in rows], same):
            yield LadderPart(
                left=ladder.left,
                right=ladder.right,
                verdict=ladder.verdict,
                mood=ladder.mood,
                remarks=ladder.remarks,
                start=start,
                rows=[msgspec.Raw(row) for row in rows[start:end_]],
            )


def _equal(pair: tuple[bytes, bytes]) -> bool:
    return pair[0] == pair[1]


def _compact(row: Row) -> Row:
    """Return the row without the SDP, which the page shows elsewhere, and with few details."""
    if isinstance(row, Arrow):
        return msgspec.structs.replace(row, sdp="", details=row.details[:_MOST_DETAILS])
    return row


def _slices(sizes: list[int], start: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of rows that fit into one message each; at least one range, even if empty."""
    begin, size = start, 0
    for number in range(start, len(sizes)):
        if number > begin and size + sizes[number] > _MESSAGE_SIZE:
            yield begin, number
            begin, size = number, 0
        size += sizes[number]
    yield begin, len(sizes)
