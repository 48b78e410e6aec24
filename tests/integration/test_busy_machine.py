"""Echoed sound survives a machine that has three times the work that it can do (row H10)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import pytest

from peer.rtp.codecs import AudioEncoder
from peer.rtp.encoding import EncodingSettings, OutgoingFrame, shared_encoder, subscribe
from peer.rtp.inbound.decoding import Decoding
from peer.rtp_parameters import MediaKind
from tests.support.clock.inline import InlineExecutor
from tests.support.clock.virtual_time import VirtualLoop, in_virtual_time
from tests.support.media.encoded_frames import OPUS, encoded
from tests.support.media.moving import sound_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

P = ParamSpec("P")
T = TypeVar("T")

BOTS = 10
#: Packets for each second, and their samples.
PACKETS, SAMPLES = 50, 960
#: Part of the time in which the process gets no processor.
STOPPED = 2 / 3


class CountingExecutor(InlineExecutor):
    """Counts what is given to threads."""

    def __init__(self) -> None:
        self.given = 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        self.given += 1
        return super().submit(fn, *args, **kwargs)


class EchoBot:
    """Decodes sound and encodes it again, as a connection does that sends back its own track."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.sent: list[OutgoingFrame] = []
        self.decoding = Decoding(MediaKind.AUDIO, loop.time, lambda: None)
        self._echo = subscribe(
            self.decoding.track,
            EncodingSettings(OPUS),
            on_frame=self.sent.append,
            on_ended=lambda: None,
            on_error=lambda error: pytest.fail(str(error)),
        )

    def hear(self, payload: bytes, number: int) -> None:
        now = asyncio.get_running_loop().time()
        frame = encoded(number * SAMPLES, codec=OPUS, payload=payload, arrival=now)
        self.decoding.push(frame, now)

    def close(self) -> None:
        self._echo.close()
        self.decoding.stop()


def opus_packets(count: int) -> list[bytes]:
    """Encode a tone."""
    encoder = AudioEncoder(OPUS)
    return [packet.payload for n in range(count) for packet in encoder.encode(sound_at(n))]


async def converse(bots: list[EchoBot], *, stalls: list[float]) -> int:
    """Give each bot all the packets that came in a stall, at its end; returns how many."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    payloads = opus_packets(PACKETS)
    begun, given = loop.time(), 0
    for stall in stalls:
        # Stopped for so long, it runs for half as long as that.
        loop.skip(stall)
        while (due := round((loop.time() - begun) * PACKETS)) > given:
            for bot in bots:
                bot.hear(payloads[given % PACKETS], given)
            given += due > given
        await asyncio.sleep(stall * (1 / STOPPED - 1))
    await asyncio.sleep(1)
    return given


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> CountingExecutor:
    executor = CountingExecutor()
    monkeypatch.setattr(shared_encoder, "threads_of", lambda _: executor)
    return executor


@in_virtual_time
async def test_ten_echo_bots_lose_no_sound_where_they_run_a_third_of_the_time(
    threads: CountingExecutor,
) -> None:
    bots = [EchoBot() for _ in range(BOTS)]
    await asyncio.sleep(0)
    given = await converse(bots, stalls=[0.02] * 20 + [0.1, 0.4, 1.2, 0.2, 3.0, 0.4])
    assert [len(bot.sent) for bot in bots] == [given] * BOTS
    assert [bot.decoding.track.dropped for bot in bots] == [0] * BOTS
    # The first frame of each, which opens its encoder.
    assert threads.given == BOTS
    for bot in bots:
        bot.close()


@in_virtual_time
async def test_echoed_sound_goes_from_decoder_to_sender_in_one_call(
    threads: CountingExecutor,
) -> None:
    bot = EchoBot()
    await asyncio.sleep(0)
    payloads = opus_packets(3)
    bot.hear(payloads[0], 0)
    await asyncio.sleep(0.1)
    assert (len(bot.sent), threads.given) == (1, 1)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.skip(0.1)
    # Late already, it is due at once: nothing but this call has to run.
    bot.hear(payloads[1], 1)
    assert (len(bot.sent), threads.given) == (2, 1)
    bot.close()
