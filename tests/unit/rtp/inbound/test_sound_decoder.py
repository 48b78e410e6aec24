"""Audio is decoded within the call that gives a packet, and a flood of packets is bounded."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from av import AudioFrame

from peer.rtp.codecs import Concealment, DecodeError
from peer.rtp.inbound.sound_decoder import BURST, RATE, SoundDecoder
from tests.support.clock.clock import Clock
from tests.support.media.encoded_frames import OPUS, encoded, sound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.tracks import Frame
    from peer.rtp_parameters import Codec


class Decoder:
    """Decodes anything but one payload."""

    def decode(self, payload: bytes, pts: int) -> Sequence[Frame]:
        if payload == b"bad":
            raise DecodeError("would not")
        return [AudioFrame("s16", "stereo", 960)]

    def conceal(self, payload: bytes, pts: int) -> Concealment:
        return Concealment((AudioFrame("s16", "stereo", 960),), concealed=960)


class Bench:
    """A decoder that tells the test its events, in order."""

    def __init__(self) -> None:
        self.clock = Clock(1000.0)
        self.told: list[tuple[str, int]] = []
        self.codecs: list[Codec] = []
        loop = asyncio.new_event_loop()
        self.decoder = SoundDecoder(loop, self, self.clock, make_decoder=self._make_decoder)
        loop.close()

    def _make_decoder(self, codec: Codec) -> Decoder:
        self.codecs.append(codec)
        return Decoder()

    def on_decoded(self, frames: Sequence[Frame], source: EncodedFrame, seconds: float) -> None:
        self.told.append(("decoded", source.pts))

    def on_concealed(self, concealment: Concealment) -> None:
        self.told.append(("concealed", concealment.concealed))

    def on_undecodable(self, source: EncodedFrame) -> None:
        self.told.append(("refused", source.pts))


def test_audio_is_decoded_within_the_call_and_by_no_thread() -> None:
    threads = threading.active_count()
    bench = Bench()
    bench.decoder.put(sound(0))
    bench.decoder.put(encoded(1920, codec=OPUS, gap=True))
    assert bench.told == [("decoded", 0), ("concealed", 960), ("decoded", 1920)]
    assert (len(bench.codecs), threading.active_count()) == (1, threads)


def test_audio_packet_that_is_refused_is_told_and_the_next_is_decoded() -> None:
    bench = Bench()
    bench.decoder.put(encoded(0, codec=OPUS, payload=b"bad"))
    bench.decoder.put(sound(960))
    assert bench.told == [("refused", 0), ("decoded", 960)]


def test_flood_of_audio_packets_is_decoded_up_to_a_rate() -> None:
    bench = Bench()
    for number in range(1000):
        bench.decoder.put(sound(number))
    assert (len(bench.told), bench.decoder.dropped) == (BURST, 1000 - BURST)
    bench.clock.advance(0.1)
    for number in range(1000):
        bench.decoder.put(sound(number))
    assert len(bench.told) == BURST + RATE / 10


def test_shortest_packets_of_opus_are_never_dropped() -> None:
    bench = Bench()
    for number in range(4000):
        bench.clock.advance(0.0025)
        bench.decoder.put(sound(number * 120))
    assert (len(bench.told), bench.decoder.dropped) == (4000, 0)


async def test_ended_sound_decoder_tells_nothing() -> None:
    bench = Bench()
    bench.decoder.end()
    bench.decoder.put(sound(0))
    await bench.decoder.wait_ended(1.0)
    assert bench.told == []
