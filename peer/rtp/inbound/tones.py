"""Owns the tones of a telephone (DTMF) that a receiver hears, and how they are read."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from peer.rtp.dtmf_events import DtmfDecoder, DtmfTone
from peer.rtp.inbound.readers import Readers
from peer.rtp.malformed import MalformedError

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec

LIMIT = 64


class ToneReader:
    """An asynchronous iterator over tones; one that is not fetched in time makes room for others.

    It ends when the receiver stops, after the tones that had come by then.
    """

    def __init__(self) -> None:
        self._tones: deque[DtmfTone] = deque(maxlen=LIMIT)
        self._changed = asyncio.Event()
        self._finished = False

    def __aiter__(self) -> ToneReader:
        return self

    async def __anext__(self) -> DtmfTone:
        """The next tone, once it has ended."""
        while not self._tones:
            if self._finished:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._tones.popleft()

    def put(self, tone: DtmfTone) -> None:
        """Take the next tone."""
        self._tones.append(tone)
        self._changed.set()

    def finish(self) -> None:
        """No tone follows."""
        self._finished = True
        self._changed.set()

    def abandon(self) -> None:
        """No tone follows, and those that wait are dropped."""
        self._tones.clear()
        self.finish()


class ToneReceiver:
    """Makes tones of telephone events (RFC 4733).

    Attributes:
        readers: Who gets the tones.
        malformed: Packets that held no whole event.
    """

    def __init__(self) -> None:
        self.readers: Readers[DtmfTone] = Readers()
        self.malformed = 0
        self._decoder: DtmfDecoder | None = None
        self._clock_rate = 0

    @property
    def deadline(self) -> float | None:
        """When `advance` has to be called next, in seconds of the clock of `now`."""
        return None if self._decoder is None else self._decoder.deadline

    def receive(self, codec: Codec, payload: bytes, timestamp: int, now: float) -> None:
        """Take the payload of a packet; never raises for it."""
        if self._decoder is None or codec.clock_rate != self._clock_rate:
            self._decoder = DtmfDecoder(codec.clock_rate)
            self._clock_rate = codec.clock_rate
        try:
            tones = self._decoder.receive(payload, timestamp, now)
        except MalformedError:
            self.malformed += 1
            return
        for tone in tones:
            self.readers.put(tone)

    def advance(self, now: float) -> None:
        """Say what time it is."""
        if self._decoder is not None:
            for tone in self._decoder.advance(now):
                self.readers.put(tone)
