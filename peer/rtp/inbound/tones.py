"""The telephone tones (DTMF, RFC 4733) of a receiver, and their readers."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from peer.rtp.dtmf_events import DtmfDecoder, DtmfTone
from peer.rtp.inbound.readers import Readers
from peer.rtp.malformed import MalformedError

if TYPE_CHECKING:
    from peer.rtp_parameters import Codec
    from peer.times import MonotonicTime

#: Limit of the tones that wait for a reader (ours).
LIMIT = 64


class ToneReader:
    """An asynchronous iterator over tones; a tone not fetched in time makes room for others.

    The iterator ends when the receiver stops, after the tones that had come by then.
    """

    def __init__(self) -> None:
        self._tones: deque[DtmfTone] = deque(maxlen=LIMIT)
        self._changed = asyncio.Event()
        self._finished = False

    def __aiter__(self) -> ToneReader:
        return self

    async def __anext__(self) -> DtmfTone:
        """Wait for the next tone, given once it has ended."""
        while not self._tones:
            if self._finished:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._tones.popleft()

    def put(self, tone: DtmfTone) -> None:
        """Take the next tone of the receiver."""
        self._tones.append(tone)
        self._changed.set()

    def finish(self) -> None:
        """End after the tones that wait."""
        self._finished = True
        self._changed.set()

    def abandon(self) -> None:
        """End, and drop the tones that wait."""
        self._tones.clear()
        self.finish()


class ToneReceiver:
    """Makes tones of the telephone events of a receiver (RFC 4733).

    Attributes:
        readers: The readers of tones.
        malformed: Packets without a whole event.
    """

    def __init__(self) -> None:
        self.readers: Readers[DtmfTone] = Readers()
        self.malformed = 0
        self._decoder: DtmfDecoder | None = None
        self._clock_rate = 0

    @property
    def deadline(self) -> MonotonicTime | None:
        """Time to call `advance`; None where no tone has begun."""
        return None if self._decoder is None else self._decoder.deadline

    def receive(self, codec: Codec, payload: bytes, timestamp: int, now: MonotonicTime) -> None:
        """Take the payload and RTP timestamp of a telephone-event packet; never raises for it."""
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

    def advance(self, now: MonotonicTime) -> None:
        """Give the tones that have ended by now."""
        if self._decoder is not None:
            for tone in self._decoder.advance(now):
                self.readers.put(tone)
