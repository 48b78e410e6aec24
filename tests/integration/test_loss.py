"""A call over a bad link, from a track to the decoder, in virtual time and by a seed.

Its encoder and its decoder are made up, as their threads know no virtual time; what is between them
is as in a connection, without SRTP. `benchmarks/loss.py` measures the same in real time.
"""

from __future__ import annotations

import asyncio
import random
from itertools import count
from typing import TYPE_CHECKING

import pytest

from benchmarks.loss_figures import CLEAN, REST, TROUBLED, Figures, Phases, figures
from benchmarks.loss_link import BEHIND, CALM, DELAY, Impairment
from benchmarks.loss_tracks import Journal
from peer.rtp.encoded_frame import EncodedFrame
from peer.rtp.encoding.shared_encoder import Subscriber
from peer.rtp.encoding.subscription import Subscription
from peer.rtp.encoding.track_source import TrackSource
from peer.rtp.inbound.control import ReceiverControl
from peer.rtp.inbound.decoding import Decoding
from peer.rtp.outbound.encodings import RtpEncodingParameters
from peer.rtp.outbound.outbound_stream import OutboundStream
from peer.rtp.tracks import MediaStreamTrack
from peer.rtp_parameters import MediaKind
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.lossy_rtp import vp8_frame
from tests.support.links.media_link import Wire, media_link
from tests.support.rtp.parameters import codecs, receiving, sending

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoding import EncodingSettings, OutgoingFrame
    from peer.rtp.inbound.stream_decoding import DecodeEvents

AUDIO, VIDEO = MediaKind.AUDIO, MediaKind.VIDEO
NAMES = {AUDIO: "opus", VIDEO: "VP8"}
SETTLE = 5.0
LARGEST_PICTURE = 2400
#: Octets of the largest packet of a path with an MTU of 1,000.
SMALL_PATH = 950
#: Seconds that are no more than what the trouble explains: one way and back for a repair, some more
#: where that is lost as well, and a key frame where all were.
SCENARIOS = {
    "1%": (Impairment(loss=0.01), 0.3),
    "5%": (Impairment(loss=0.05), 0.35),
    "10%": (Impairment(loss=0.1), 0.5),
    "20%": (Impairment(loss=0.2), 1.3),
    "reordering": (Impairment(reordered=0.1), 0.12),
    "jitter": (Impairment(jitter=0.1), 0.25),
    "outage": (Impairment(down=2.0), 2.2),
}


class Encoder(MediaStreamTrack):
    """Gives frames that say their number, as large as congestion control lets them be."""

    def __init__(self, kind: MediaKind, journal: Journal) -> None:
        super().__init__()
        self.kind = kind.value
        self.bitrate: Callable[[], int | None] = lambda: None
        self._codec = codecs(kind, NAMES[kind])[0]
        self._journal = journal
        self._number = -1
        self._keyframe = True

    def request_keyframe(self) -> None:
        self._keyframe = True

    async def recv(self) -> EncodedFrame:  # type: ignore[override]  # our senders take it
        await asyncio.sleep(self._journal.interval)
        self._number += 1
        now = asyncio.get_running_loop().time()
        self._journal.captured[self._number] = now
        keyframe, self._keyframe = self._keyframe or self._codec.kind is AUDIO, False
        pts = round(self._number * self._journal.interval * self._codec.clock_rate)
        return EncodedFrame(
            codec=self._codec,
            payload=self._payload(keyframe=keyframe) + self._number.to_bytes(4),
            ssrc=1,
            timestamp=pts % 2**32,
            pts=pts,
            arrival=now,
            keyframe=keyframe,
        )

    def _payload(self, *, keyframe: bool) -> bytes:
        if self._codec.kind is AUDIO:
            return bytes(80)
        size = LARGEST_PICTURE if (bitrate := self.bitrate()) is None else bitrate // 8 // 30
        return vp8_frame(min(size, LARGEST_PICTURE) * (3 if keyframe else 1), keyframe=keyframe)


class Decoder:
    """Notes what it is given to decode, and when."""

    dropped = 0
    awaits_keyframe = False

    def __init__(self, journal: Journal, clock: Callable[[], float]) -> None:
        self._journal = journal
        self._clock = clock

    def put(self, frame: EncodedFrame) -> None:
        self._journal.read.append((int.from_bytes(frame.payload[-4:]), self._clock()))

    def end(self) -> None: ...

    async def wait_ended(self, timeout: float) -> None: ...


class Call:
    """A sender, a receiver and a decoder of one kind, and wires that `trouble` befalls."""

    def __init__(self, kind: MediaKind, seed: int) -> None:
        self.journal = Journal(kind.value)
        self.trouble = CALM
        self.since = 0.0
        self.left, self.right = media_link()
        self._loop = asyncio.get_running_loop()
        for number, end in enumerate((self.left, self.right)):
            self._spoil(end.wire, random.Random(f"{seed} {number}"))
        self._control = ReceiverControl(kind, clock=self._loop.time)
        self.receiver = self._control.receiver
        self._control.start(self.right.engine, receiving(kind, NAMES[kind]), 4242)
        self._encoder = Encoder(kind, self.journal)
        self._stream = OutboundStream(
            kind,
            self.left.engine,
            sending(kind, NAMES[kind]),
            RtpEncodingParameters(),
            ssrc=1,
            rtx_ssrc=2,
            subscribe=self._subscribe,
        )
        self._encoder.bitrate = lambda: self._stream.bitrate
        self._stream.set_track(self._encoder)
        self._decoding = Decoding(
            kind, self._loop.time, self.receiver.request_keyframe, make_worker=self._make_worker
        )
        self._tasks = [
            asyncio.create_task(self._decode()),
            asyncio.create_task(self._decoding.track.recv()),
        ]

    def impair(self, trouble: Impairment) -> None:
        self.trouble, self.since = trouble, self._loop.time()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._stream.stop()
        self._decoding.stop()
        await self._control.stop()
        for end in (self.left, self.right):
            end.engine.close()

    def _spoil(self, wire: Wire, chance: random.Random) -> None:
        order = count()

        def keep(_: bytes) -> bool:
            down = self.trouble.down and self._loop.time() < self.since + self.trouble.down
            return not down and chance.random() >= self.trouble.loss

        def delay(_: bytes) -> float:
            behind = BEHIND if chance.random() < self.trouble.reordered else 0.0
            # Timers of the same moment come in any order.
            return DELAY + behind + chance.random() * self.trouble.jitter + 1e-9 * next(order)

        wire.keep, wire.delay = keep, delay

    def _subscribe(
        self,
        track: MediaStreamTrack,
        settings: EncodingSettings,
        *,
        on_frame: Callable[[OutgoingFrame], None],
        on_ended: Callable[[], None],
        on_error: Callable[[Exception], None],
    ) -> Subscription:
        source = TrackSource(track, clock=self._loop.time)
        return Subscription(source, settings, Subscriber(on_frame, on_ended, on_error))

    def _make_worker(
        self, loop: asyncio.AbstractEventLoop, events: DecodeEvents, clock: Callable[[], float], /
    ) -> Decoder:
        return Decoder(self.journal, clock)

    async def _decode(self) -> None:
        async for frame in self.receiver.encoded_frames():
            self._decoding.push(frame, self._loop.time())


async def measure(kind: MediaKind, trouble: Impairment, seed: int) -> Figures:
    """What a bad link does to a stream."""
    # When reports are due is left to chance as well.
    random.seed(seed)
    loop = asyncio.get_running_loop()
    call = Call(kind, seed)
    await asyncio.sleep(SETTLE + CLEAN)
    begun = loop.time()
    call.impair(trouble)
    await asyncio.sleep(TROUBLED)
    calm = begun + (trouble.down or TROUBLED)
    call.impair(CALM)
    await asyncio.sleep(REST)
    phases = Phases(begun, calm, loop.time())
    await call.close()
    return figures(call.journal, phases)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", [VIDEO, AUDIO])
@pytest.mark.parametrize(("trouble", "longest"), SCENARIOS.values(), ids=SCENARIOS)
@in_virtual_time
async def test_a_stream_survives_a_bad_link(
    kind: MediaKind, trouble: Impairment, longest: float, seed: int
) -> None:
    found = await measure(kind, trouble, seed)
    assert found.flows
    assert found.longest < longest
    assert found.after is not None
    assert found.after <= found.before * 1.2 + 0.005


@pytest.mark.parametrize("kind", [VIDEO, AUDIO])
@in_virtual_time
async def test_a_good_link_costs_little_delay_and_no_frame(kind: MediaKind) -> None:
    found = await measure(kind, CALM, 1)
    assert found.lost == 0
    assert found.freezes == 0
    assert DELAY < found.before < DELAY + 0.05


@in_virtual_time
async def test_repairs_bring_back_most_pictures() -> None:
    found = await measure(VIDEO, Impairment(loss=0.05), 1)
    assert found.lost < 0.01 * found.captured


@pytest.mark.parametrize("seed", [1, 2])
@in_virtual_time
async def test_repairs_bring_back_most_sound(seed: int) -> None:
    found = await measure(AUDIO, Impairment(loss=0.1), seed)
    assert found.lost < 0.01 * found.captured


@in_virtual_time
async def test_pictures_get_through_a_path_that_loses_large_packets() -> None:
    call = Call(VIDEO, 1)
    for end in (call.left, call.right):
        end.wire.keep = lambda packet: len(packet) <= SMALL_PATH
    await asyncio.sleep(SETTLE)
    read, sent = len(call.journal.read), len(call.left.wire.sent)
    await asyncio.sleep(SETTLE)
    await call.close()

    # At first not one came, as each was larger than a packet of this path.
    assert len(call.journal.read) - read > 29 * SETTLE
    assert max(map(len, call.left.wire.sent[sent:])) <= SMALL_PATH
