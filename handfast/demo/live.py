"""The ladder diagram of a running call, sent to its page row by row.

It goes over signalling until there is a data channel: where ICE fails there never is one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, Final

import msgspec

from handfast.trace.buffer import TraceBuffer
from handfast.trace.ladder import TracedEnd, draw
from handfast.trace.rows import Arrow, Mood, Row
from signaling import ChannelClosed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from peer import DataChannel

#: Label of the data channel, and of the notes over signalling.
LADDER: Final = "ladder"
#: Seconds between two updates of a ladder (ours).
_INTERVAL: Final = 0.25
#: The same over signalling, whose server reads 50 messages a second of all our calls (ours).
_SIGNALLING_INTERVAL: Final = 1.0
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

    Args:
        signal: Sends a text to the page over signalling; without it, all waits for a channel.

    Attributes:
        buffer: The trace sink for the connection.
    """

    def __init__(self, signal: Callable[[str], Awaitable[None]] | None = None) -> None:
        self.buffer = TraceBuffer()
        self._signal = signal
        self._channel: DataChannel | None = None
        self._attached = asyncio.Event()
        self._shown: list[bytes] = []

    def attach(self, channel: DataChannel) -> None:
        """Send the ladder on this channel; later channels are ignored, as a page has one."""
        if self._channel is None:
            self._channel = channel
            self._attached.set()
            # What was signalled may arrive later than what the channel carries: all comes again.
            self._shown = []
            self.buffer.changed.set()

    async def run(self) -> None:
        """Send changed rows until cancelled."""
        while True:
            await self.buffer.changed.wait()
            self.buffer.changed.clear()
            if self._channel is None and self._signal is not None:
                await self._show_by(self._signal)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_SIGNALLING_INTERVAL):
                        await self._attached.wait()
                continue
            channel = self._channel
            if (
                channel is not None
                and channel.readyState == "open"
                and channel.bufferedAmount < _MAX_BUFFERED
            ):
                for part in self._parts():
                    channel.send(msgspec.json.encode(part).decode())
            else:
                self.buffer.changed.set()
            await asyncio.sleep(_INTERVAL)

    async def _show_by(self, signal: Callable[[str], Awaitable[None]]) -> None:
        # A page that has left ends its visit by itself.
        with contextlib.suppress(ChannelClosed):
            for part in self._parts():
                await signal(msgspec.json.encode(part).decode())

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
