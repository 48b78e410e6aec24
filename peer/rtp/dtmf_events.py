"""Owns tones of a telephone as RTP payloads, and as they come back out of them (RFC 4733)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from peer.rtp.malformed import MalformedError

#: The tones in the order of their events, 0 to 15 (RFC 4733 section 3.2).
TONES = "0123456789*#ABCD"
#: A pause among tones (W3C webrtc-pc section 7), and how long it is in seconds.
PAUSE = ","
PAUSE_LENGTH = 2.0
#: An event of which nothing more is heard for so many seconds has ended: four updates of 50 ms.
PATIENCE = 0.2

_EVENT = Struct("!BBH")
_END = 0x80
_VOLUME_MASK = 0x3F
_LONGEST = 0xFFFF
_TIMESTAMP_MASK = 0xFFFFFFFF
#: RFC 4733 section 2.5.1.4.
_LAST_SENT = 3
#: How many events that have ended are remembered, for what of them comes late.
_REMEMBERED = 16


@dataclass(frozen=True, slots=True)
class DtmfPacket:
    """One packet to send.

    Args:
        at: When, in seconds from the beginning of the first tone.
        tone: Which it tells of.
        offset: What its RTP timestamp is above that of the beginning, in ticks.
        payload: Four octets.
        marker: Whether it begins its tone.
    """

    at: float
    tone: str
    offset: int
    payload: bytes
    marker: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DtmfEncoder:
    """How tones are sent.

    Args:
        clock_rate: In hertz.
        duration: Of a tone, in ms.
        gap: Between tones, in ms.
        step: Between packets of one tone, in ms.
        volume: 0 to 63, in dB below full (RFC 4733 section 2.3.4).
    """

    clock_rate: int
    duration: int = 100
    gap: int = 70
    step: int = 20
    volume: int = 10

    def length(self, tones: str) -> float:
        """How long these take, in seconds; the gap after the last is part of it."""
        pauses = tones.count(PAUSE)
        return pauses * PAUSE_LENGTH + (len(tones) - pauses) * (self.duration + self.gap) / 1000

    def encode(self, tones: str) -> Iterator[DtmfPacket]:
        """The packets of these tones in their order; `PAUSE` takes time and has none.

        Raises:
            ValueError: There is another tone than those of `TONES` (in any case) among them.
        """
        begin = 0.0
        for tone in tones.upper():
            if tone != PAUSE:
                yield from self._encode_one(tone, begin)
            begin += self.length(tone)

    def _encode_one(self, tone: str, begin: float) -> Iterator[DtmfPacket]:
        event = TONES.index(tone)
        offset = round(begin * self.clock_rate)
        total = self.clock_rate * self.duration // 1000
        step = self.clock_rate * self.step // 1000
        told = 0
        # RFC 4733 section 2.5.1.3: what does not fit in the duration goes on as another segment,
        # with a timestamp of its own, without a marker, and the one before has no end.
        for start in range(0, total, _LONGEST):
            length = min(total - start, _LONGEST)
            ended = start + length == total
            for duration in (*range(step, length, step), length):
                final = duration == length
                payload = self._payload(event, duration, ended=final and ended)
                at = begin + max(start + duration - step, 0) / self.clock_rate
                for again in range(_LAST_SENT if final else 1):
                    later = again * self._interval if ended else 0.0
                    yield DtmfPacket(at + later, tone, offset + start, payload, told == 0)
                    told += 1

    @property
    def _interval(self) -> float:
        # The last of an end comes before the next tone begins.
        return min(self.step, self.gap / 2) / 1000

    def _payload(self, event: int, duration: int, *, ended: bool) -> bytes:
        return _EVENT.pack(event, self.volume & _VOLUME_MASK | (_END if ended else 0), duration)


@dataclass(frozen=True, slots=True)
class DtmfTone:
    """A tone that was received, with its length in seconds, as far as it was heard of."""

    tone: str
    duration: float


@dataclass(slots=True)
class _Sounding:
    event: int
    timestamp: int
    heard: float
    duration: int = 0
    before: int = 0

    def tone(self, clock_rate: int) -> DtmfTone:
        return DtmfTone(TONES[self.event], (self.before + self.duration) / clock_rate)


class DtmfDecoder:
    """Tells of each tone once, when it has ended, whichever of its packets arrive.

    Args:
        clock_rate: Of the payload format, in hertz.
    """

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._now: _Sounding | None = None
        self._ended: deque[int] = deque(maxlen=_REMEMBERED)

    @property
    def deadline(self) -> float | None:
        """When `advance` has something to do."""
        return self._now.heard + PATIENCE if self._now is not None else None

    def advance(self, now: float) -> tuple[DtmfTone, ...]:
        """Say what time it is; the tone that is not heard of any more, where there is one."""
        sounding = self._now
        if sounding is None or now < sounding.heard + PATIENCE:
            return ()
        return (self._end(sounding),)

    def receive(self, payload: bytes, timestamp: int, now: float) -> tuple[DtmfTone, ...]:
        """Take a packet; the tones that have ended by it. Events other than tones are left out.

        Raises:
            MalformedError: It does not hold whole events.
        """
        if not payload or len(payload) % _EVENT.size:
            raise MalformedError("a telephone event is cut short", len(payload))
        tones = list(self.advance(now))
        # RFC 4733 section 2.5.1.5: events that followed each other at once may share a packet,
        # and its timestamp is that of the first.
        for event, flags, duration in _EVENT.iter_unpack(payload):
            if event < len(TONES) and timestamp not in self._ended:
                tones += self._hear(event, timestamp, duration, now)
                if flags & _END:
                    tones += self._end_of(timestamp)
            timestamp = timestamp + duration & _TIMESTAMP_MASK
        return tuple(tones)

    def _hear(self, event: int, timestamp: int, duration: int, now: float) -> Iterator[DtmfTone]:
        sounding = self._now
        if sounding is None:
            self._now = _Sounding(event, timestamp, now, duration)
            return
        ahead = timestamp - sounding.timestamp & _TIMESTAMP_MASK
        if ahead == 0:
            sounding.heard = now
            sounding.duration = max(sounding.duration, duration)
        elif ahead > _TIMESTAMP_MASK // 2:
            # Of a tone before this one, of which nothing was heard in time.
            self._ended.append(timestamp)
            yield DtmfTone(TONES[event], duration / self._clock_rate)
        elif event == sounding.event and ahead in (sounding.duration, _LONGEST):
            self._ended.append(sounding.timestamp)
            sounding.before += ahead
            sounding.timestamp, sounding.duration, sounding.heard = timestamp, duration, now
        else:
            yield self._end(sounding)
            self._now = _Sounding(event, timestamp, now, duration)

    def _end_of(self, timestamp: int) -> Iterator[DtmfTone]:
        if self._now is not None and self._now.timestamp == timestamp:
            yield self._end(self._now)

    def _end(self, sounding: _Sounding) -> DtmfTone:
        self._now = None
        self._ended.append(sounding.timestamp)
        return sounding.tone(self._clock_rate)
