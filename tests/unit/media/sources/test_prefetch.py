from __future__ import annotations

import asyncio
from fractions import Fraction

import pytest

from media.sources.errors import UnreadableError
from media.sources.prefetch import Prefetch
from media.sources.stream_decoder import Piece
from tests.support.clock.inline import InlineExecutor, SlowExecutor
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.media.frames import flat_picture

PICTURE = flat_picture(16, 16)


class Counting:
    """Gives a piece for each second, two at a time."""

    def __init__(self, end: int = 1000, broken: int | None = None) -> None:
        self.at = 0
        self.end = end
        self.broken = broken
        self.closed = False

    def read(self) -> list[Piece]:
        if self.at == self.broken:
            raise UnreadableError("file", why="it broke")
        begin, self.at = self.at, min(self.at + 2, self.end)
        return [Piece(Fraction(n), Fraction(1), PICTURE) for n in range(begin, self.at)]

    def seek(self, position: Fraction) -> Fraction:
        self.at = int(position)
        return Fraction(self.at)

    def close(self) -> None:
        self.closed = True


def made(reader: Counting, limit: int = 6) -> Prefetch:
    return Prefetch(reader, limit, InlineExecutor())


async def given(pieces: Prefetch, count: int) -> list[int]:
    out = []
    for _ in range(count):
        piece = await pieces.front()
        assert piece is not None
        pieces.take()
        out.append(int(piece.position))
    return out


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_no_more_is_read_than_the_limit() -> None:
    reader = Counting()
    pieces = made(reader)
    await pieces.front()
    await settled()
    assert reader.at == 6
    assert await given(pieces, 4) == [0, 1, 2, 3]
    await settled()
    assert reader.at <= 10


async def test_the_front_stays_until_it_is_taken() -> None:
    pieces = made(Counting())
    assert await pieces.front() is await pieces.front()


async def test_the_end_comes_after_all_pieces_and_stays() -> None:
    pieces = made(Counting(end=3))
    assert await given(pieces, 3) == [0, 1, 2]
    assert await pieces.front() is None
    assert await pieces.front() is None


async def test_an_error_comes_after_what_was_read_before_it() -> None:
    pieces = made(Counting(broken=2))
    assert await given(pieces, 2) == [0, 1]
    for _ in range(2):
        with pytest.raises(UnreadableError, match="it broke"):
            await pieces.front()


async def test_a_seek_drops_what_waits_and_holds_until_resumed() -> None:
    pieces = made(Counting())
    await given(pieces, 1)
    assert await pieces.seek(Fraction(100)) == 100
    waiting = asyncio.create_task(pieces.front())
    await settled()
    assert not waiting.done()
    pieces.resume()
    await waiting
    assert await given(pieces, 2) == [100, 101]


async def test_a_seek_goes_on_after_the_end() -> None:
    pieces = made(Counting(end=2))
    await given(pieces, 2)
    assert await pieces.front() is None
    await pieces.seek(Fraction(0))
    pieces.resume()
    assert await given(pieces, 2) == [0, 1]


@in_virtual_time
async def test_nothing_from_before_a_seek_is_given_while_it_takes_its_time() -> None:
    pieces = Prefetch(Counting(), 6, SlowExecutor(0.1))
    await given(pieces, 1)
    seeking = asyncio.create_task(pieces.seek(Fraction(100)))
    await asyncio.sleep(0.05)
    assert pieces.ready
    waiting = asyncio.create_task(pieces.front())
    await seeking
    assert not waiting.done()
    pieces.resume()
    assert await given(pieces, 3) == [100, 101, 102]


async def test_closing_wakes_who_waits_and_lets_go_of_the_file() -> None:
    reader = Counting()
    pieces = made(reader)
    await pieces.seek(Fraction(0))
    waiting = asyncio.create_task(pieces.front())
    await settled()
    pieces.resume()
    pieces.close()
    assert await waiting is None
    assert reader.closed
    assert await pieces.seek(Fraction(5)) == 5
    pieces.close()


async def test_the_thread_reads_while_the_loop_goes_on() -> None:
    reader = Counting()
    pieces = Prefetch(reader, 6)
    assert await given(pieces, 20) == list(range(20))
    pieces.close()
