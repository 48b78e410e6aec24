"""Telephone events in the stream of the audio, as a peer receives them."""

from __future__ import annotations

import asyncio

import pytest

from peer.rtp.dtmf_events import DtmfDecoder, DtmfTone
from peer.rtp.outbound.encodings import RtpEncodingParameters
from peer.rtp.outbound.outbound_stream import OutboundStream
from peer.rtp.outbound.tone_playout import TonePlayout, tone_codec
from peer.rtp_parameters import Codec, MediaKind
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.rtp.outgoing import (
    OPUS,
    PCMU,
    SLOW_TONES,
    TONES,
    FakeEngine,
    FakeSubscriptions,
    Sent,
    agreed,
    sound,
)
from tests.support.rtp.parameters import QueueTrack


class Playing:
    """Sound that flows for as long as `play` lasts, and tones in between."""

    def __init__(self, *codecs: Codec) -> None:
        self.engine = FakeEngine()
        self.subscriptions = FakeSubscriptions()
        self.codecs = codecs or (OPUS, TONES)
        self.stream = OutboundStream(
            MediaKind.AUDIO,
            self.engine,
            agreed(*self.codecs),
            RtpEncodingParameters(),
            ssrc=1,
            rtx_ssrc=2,
            subscribe=self.subscriptions,
        )
        self.stream.set_track(QueueTrack(MediaKind.AUDIO))
        self.tones = TonePlayout()
        self.tones.attach(self.stream, self.engine.clock)
        self.begun = self.engine.clock()

    async def play(self, frames: int, *, since: int = 0) -> None:
        """Give `frames` audio frames of 20 ms."""
        for index in range(since, since + frames):
            self.subscriptions.give(sound(index * 960))
            await asyncio.sleep(0.02)

    def events(self) -> list[Sent]:
        payload_type = self.codecs[-1].payload_type
        return [each for each in self.engine.sent if each.packet.payload_type == payload_type]

    def heard(self) -> list[DtmfTone]:
        """Decode the events as a peer does."""
        decoder = DtmfDecoder(self.codecs[-1].clock_rate)
        return [
            tone
            for each in self.events()
            for tone in decoder.receive(each.packet.payload, each.packet.timestamp, each.at)
        ]


@in_virtual_time
async def test_peer_decodes_a_played_tone_once_in_full() -> None:
    playing = Playing()
    await playing.play(5)
    playing.tones.play_tone("5", duration=100, gap=70)
    await playing.play(20, since=5)
    assert playing.heard() == [DtmfTone("5", 0.1)]


@in_virtual_time
async def test_played_tone_has_one_timestamp() -> None:
    playing = Playing()
    await playing.play(5)
    playing.tones.play_tone("5", duration=100, gap=70)
    await playing.play(20, since=5)
    events = playing.events()
    assert len({each.packet.timestamp for each in events}) == 1
    assert [each.packet.marker for each in events] == [True] + [False] * 6
    assert [round(each.at - playing.begun, 3) for each in events] == [
        0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.22,
    ]  # fmt: skip


@in_virtual_time
async def test_tone_replaces_audio_on_one_timeline() -> None:
    playing = Playing()
    await playing.play(5)
    playing.tones.play_tone("5", duration=100, gap=70)
    await playing.play(10, since=5)
    packets = playing.engine.packets
    first = packets[0]
    assert [(each.sequence_number - first.sequence_number) % 2**16 for each in packets] == list(
        range(len(packets))
    )
    tone = {(p.packet.timestamp - first.timestamp) % 2**32 for p in playing.events()}
    assert tone == {4800}
    sounds = [p.timestamp - first.timestamp for p in packets if p.payload == b"sound"]
    assert [each % 2**32 for each in sounds] == [960 * i for i in (*range(5), *range(10, 15))]


@in_virtual_time
async def test_tone_plays_without_audio() -> None:
    playing = Playing()
    playing.stream.set_track(None)
    playing.tones.play_tone("#", duration=50, gap=50)
    await asyncio.sleep(2)
    playing.tones.play_tone("#", duration=50, gap=50)
    await asyncio.sleep(2)
    assert playing.heard() == [DtmfTone("#", 0.05)] * 2
    times = [each.packet.timestamp for each in playing.events()]
    assert (times[-1] - times[0]) % 2**32 == 2 * 48_000


@in_virtual_time
async def test_long_tone_is_played_in_segments() -> None:
    playing = Playing()
    playing.tones.play_tone("A", duration=3000, gap=50)
    await asyncio.sleep(4)
    (tone,) = playing.heard()
    assert tone.duration == pytest.approx(3.0)


@in_virtual_time
async def test_event_timestamps_use_the_clock_of_the_audio() -> None:
    playing = Playing(OPUS, SLOW_TONES)
    await playing.play(5)
    playing.tones.play_tone("5", duration=100, gap=70)
    await playing.play(10, since=5)
    first = playing.engine.packets[0].timestamp
    assert {(each.packet.timestamp - first) % 2**32 for each in playing.events()} == {4800}
    assert playing.heard() == [DtmfTone("5", 0.1)]


@in_virtual_time
async def test_paused_stream_ends_a_tone() -> None:
    playing = Playing()
    playing.tones.play_tone("5", duration=1000, gap=70)
    await asyncio.sleep(0.05)
    sent = len(playing.engine.sent)
    playing.stream.set_parameters(None)
    assert not playing.tones.takes_tones
    await asyncio.sleep(2)
    assert len(playing.engine.sent) == sent


@in_virtual_time
async def test_stopped_tone_playout_sends_nothing() -> None:
    playing = Playing()
    playing.tones.play_tone("5", duration=1000, gap=70)
    await asyncio.sleep(0.05)
    sent = len(playing.engine.sent)
    playing.tones.stop()
    await asyncio.sleep(2)
    playing.tones.play_tone("6", duration=1000, gap=70)
    assert len(playing.engine.sent) == sent
    assert not playing.tones.takes_tones


@in_virtual_time
async def test_tone_playout_needs_negotiated_events() -> None:
    assert Playing(OPUS, TONES).tones.takes_tones
    assert not Playing(OPUS).tones.takes_tones
    assert not TonePlayout().takes_tones


def test_events_at_the_clock_rate_of_the_audio_are_preferred() -> None:
    assert tone_codec(agreed(OPUS, SLOW_TONES, TONES)) == TONES
    assert tone_codec(agreed(PCMU, TONES, SLOW_TONES)) == SLOW_TONES
    assert tone_codec(agreed(OPUS, SLOW_TONES)) == SLOW_TONES
    assert tone_codec(agreed(OPUS)) is None
