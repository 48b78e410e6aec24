"""Telephone tones, and their readers."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from peer.rtp.dtmf_events import EVENT_TIMEOUT, DtmfEncoder, DtmfTone
from peer.rtp.inbound.tones import LIMIT, ToneReader, ToneReceiver
from tests.support.clock.deadline import DEADLINE
from tests.support.media.encoded_frames import OPUS

EVENTS = replace(OPUS, name="telephone-event", clock_rate=8000, channels=None)


async def rest(reader: ToneReader) -> str:
    return "".join([tone.tone async for tone in reader])


def reading(receiver: ToneReceiver) -> ToneReader:
    reader = ToneReader()
    receiver.readers.add(reader)
    return reader


def play(receiver: ToneReceiver, tones: str) -> None:
    for packet in DtmfEncoder(clock_rate=8000).encode(tones):
        receiver.receive(EVENTS, packet.payload, packet.offset, packet.at)


async def test_each_tone_is_given_once_to_every_reader() -> None:
    receiver = ToneReceiver()
    readers = [reading(receiver) for _ in range(2)]
    play(receiver, "1234#")
    receiver.readers.finish()
    assert [await rest(reader) for reader in readers] == ["1234#", "1234#"]


async def test_tone_with_lost_end_ends_by_timer() -> None:
    receiver = ToneReceiver()
    reader = reading(receiver)
    first = next(iter(DtmfEncoder(clock_rate=8000).encode("5")))
    deadlines = [receiver.deadline]
    receiver.receive(EVENTS, first.payload, 0, 1.0)
    deadlines.append(receiver.deadline)
    assert deadlines == [None, 1.0 + EVENT_TIMEOUT]
    receiver.advance(1.0 + EVENT_TIMEOUT)
    assert (await anext(reader)).tone == "5"


async def test_malformed_telephone_event_is_counted() -> None:
    receiver = ToneReceiver()
    receiver.receive(EVENTS, b"\x01", 0, 1.0)
    assert receiver.malformed == 1


async def test_tones_follow_change_of_clock_rate() -> None:
    receiver = ToneReceiver()
    reader = reading(receiver)
    play(receiver, "1")
    codec = replace(EVENTS, clock_rate=48_000)
    for packet in DtmfEncoder(clock_rate=48_000).encode("2"):
        receiver.receive(codec, packet.payload, packet.offset, packet.at)
    tones = [await anext(reader) for _ in range(2)]
    assert [(tone.tone, tone.duration) for tone in tones] == [("1", 0.1), ("2", 0.1)]


async def test_unfetched_tones_are_bounded() -> None:
    reader = ToneReader()
    for _ in range(LIMIT):
        reader.put(DtmfTone("1", 0.1))
    reader.put(DtmfTone("2", 0.1))
    reader.finish()
    assert await rest(reader) == "1" * (LIMIT - 1) + "2"


async def test_end_wakes_waiting_tone_reader() -> None:
    reader = ToneReader()
    read = asyncio.ensure_future(anext(reader))
    await asyncio.wait([read], timeout=0)
    reader.finish()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(read, DEADLINE)


async def test_abandoned_tones_are_not_read() -> None:
    reader = ToneReader()
    reader.put(DtmfTone("1", 0.1))
    reader.abandon()
    assert await rest(reader) == ""
