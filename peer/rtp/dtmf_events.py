"""Telephone events (DTMF) as RTP payloads (RFC 4733): encodes and decodes tones. PURE."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator
from struct import Struct
from typing import TYPE_CHECKING

from peer.rtp.malformed import MalformedError
from peer.values import dataclass

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

#: The tones in the order of their event codes, 0 to 15 (RFC 4733 section 3.2).
TONES = "0123456789*#ABCD"
#: Character of a pause among tones (W3C webrtc-pc section 7).
PAUSE = ","
#: Duration of a pause in seconds (W3C webrtc-pc section 7).
PAUSE_LENGTH = 2.0
#: Seconds without a packet after which an event has ended (ours): four updates of 50 ms.
EVENT_TIMEOUT = 0.2

_EVENT = Struct("!BBH")
#: E bit of the second octet: end of the event (RFC 4733 section 2.3).
_END = 0x80
#: Mask of the volume in the second octet (RFC 4733 section 2.3).
_VOLUME_MASK = 0x3F
#: Longest duration of one event packet in ticks: 16 bits (RFC 4733 section 2.3).
_MAX_DURATION = 0xFFFF
#: Mask of 32 bits: RTP timestamps.
_TIMESTAMP_MASK = 0xFFFFFFFF
#: Transmissions of the packet that ends an event (RFC 4733 section 2.5.1.4).
_END_REPEATS = 3
#: Ended events that are remembered, to ignore their late packets (ours).
_REMEMBERED = 16


@dataclass(frozen=True, slots=True)
class DtmfPacket:
    """One packet of a tone, to be sent at its time.

    Args:
        at: Time of sending, in seconds from the beginning of the first tone.
        tone: Character of the tone.
        offset: Difference of its RTP timestamp to that of the beginning, in ticks.
        payload: RTP payload of four octets.
        marker: Whether the packet begins its tone.
    """

    at: Seconds
    tone: str
    offset: int
    payload: bytes
    marker: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DtmfEncoder:
    """Encodes tones as telephone events.

    Args:
        clock_rate: Clock rate of the payload format in Hz.
        duration: Duration of a tone in ms.
        gap: Gap between tones in ms.
        step: Interval between the packets of one tone in ms.
        volume: Power level in -dBm0, 0 to 63 (RFC 4733 section 2.3.4).
    """

    clock_rate: int
    duration: int = 100
    gap: int = 70
    step: int = 20
    volume: int = 10

    def length(self, tones: str) -> Seconds:
        """Return the seconds that tones take, with the gap after the last."""
        pauses = tones.count(PAUSE)
        return pauses * PAUSE_LENGTH + (len(tones) - pauses) * (self.duration + self.gap) / 1000

    def encode(self, tones: str) -> Iterator[DtmfPacket]:
        """Yield the packets of tones in their order; `PAUSE` takes time and has none.

        Raises:
            ValueError: A character is neither in `TONES`, in upper or lower case, nor `PAUSE`.
        """
        begin = 0.0
        for tone in tones.upper():
            if tone != PAUSE:
                yield from self._encode_one(tone, begin)
            begin += self.length(tone)

    def _encode_one(self, tone: str, begin: Seconds) -> Iterator[DtmfPacket]:
        event = TONES.index(tone)
        offset = round(begin * self.clock_rate)
        total = self.clock_rate * self.duration // 1000
        step = self.clock_rate * self.step // 1000
        count = 0
        # RFC 4733 section 2.5.1.3: a longer event continues as another segment, with a timestamp
        # of its own, without a marker, and the one before has no end.
        for start in range(0, total, _MAX_DURATION):
            length = min(total - start, _MAX_DURATION)
            ended = start + length == total
            for duration in (*range(step, length, step), length):
                final = duration == length
                payload = self._payload(event, duration=duration, ended=final and ended)
                at = begin + max(start + duration - step, 0) / self.clock_rate
                for again in range(_END_REPEATS if final else 1):
                    later = again * self._interval if ended else 0.0
                    yield DtmfPacket(at + later, tone, offset + start, payload, count == 0)
                    count += 1

    @property
    def _interval(self) -> Seconds:
        # The last repetition of an end comes before the next tone begins.
        return min(self.step, self.gap / 2) / 1000

    def _payload(self, event: int, *, duration: int, ended: bool) -> bytes:
        return _EVENT.pack(event, self.volume & _VOLUME_MASK | (_END if ended else 0), duration)


@dataclass(frozen=True, slots=True)
class DtmfTone:
    """A received tone, with the longest duration, in seconds, that its packets gave."""

    tone: str
    duration: Seconds


@dataclasses.dataclass(slots=True)
class _ActiveEvent:
    event: int
    timestamp: int
    last_packet: MonotonicTime
    duration: int = 0
    # Ticks of the segments before this one.
    before: int = 0

    def tone(self, clock_rate: int) -> DtmfTone:
        return DtmfTone(TONES[self.event], (self.before + self.duration) / clock_rate)


class DtmfDecoder:
    """Decodes telephone events and returns each tone once, when it has ended.

    It suffices that one packet of a tone arrives.

    Args:
        clock_rate: Clock rate of the payload format in Hz.
    """

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._active: _ActiveEvent | None = None
        self._ended: deque[int] = deque(maxlen=_REMEMBERED)

    @property
    def deadline(self) -> MonotonicTime | None:
        """The time when `advance` is due; None while no event is active."""
        return self._active.last_packet + EVENT_TIMEOUT if self._active is not None else None

    def advance(self, now: MonotonicTime) -> tuple[DtmfTone, ...]:
        """Return the tone that has ended by a timeout, where there is one."""
        active = self._active
        if active is None or now < active.last_packet + EVENT_TIMEOUT:
            return ()
        return (self._end(active),)

    def receive(self, payload: bytes, timestamp: int, now: MonotonicTime) -> tuple[DtmfTone, ...]:
        """Decode a packet, and return the tones that have ended; other events are ignored.

        Args:
            payload: RTP payload.
            timestamp: RTP timestamp, 32 bits.
            now: Time of arrival.

        Raises:
            MalformedError: The payload does not hold whole events.
        """
        if not payload or len(payload) % _EVENT.size:
            raise MalformedError("a telephone event is cut short", len(payload))
        tones = list(self.advance(now))
        # RFC 4733 section 2.5.1.5: events that follow each other at once may share a packet,
        # whose timestamp is that of the first.
        for event, flags, duration in _EVENT.iter_unpack(payload):
            if event < len(TONES) and timestamp not in self._ended:
                tones += self._on_event(event, timestamp=timestamp, duration=duration, now=now)
                if flags & _END:
                    tones += self._end_of(timestamp)
            timestamp = timestamp + duration & _TIMESTAMP_MASK
        return tuple(tones)

    def _on_event(
        self, event: int, *, timestamp: int, duration: int, now: MonotonicTime
    ) -> Iterator[DtmfTone]:
        active = self._active
        if active is None:
            self._active = _ActiveEvent(event, timestamp, now, duration)
            return
        ahead = timestamp - active.timestamp & _TIMESTAMP_MASK
        if ahead == 0:
            active.last_packet = now
            active.duration = max(active.duration, duration)
        elif ahead > _TIMESTAMP_MASK // 2:
            # A late packet of an earlier tone of which no other packet came.
            self._ended.append(timestamp)
            yield DtmfTone(TONES[event], duration / self._clock_rate)
        elif event == active.event and ahead in (active.duration, _MAX_DURATION):
            self._ended.append(active.timestamp)
            active.before += ahead
            active.timestamp, active.duration, active.last_packet = timestamp, duration, now
        else:
            yield self._end(active)
            self._active = _ActiveEvent(event, timestamp, now, duration)

    def _end_of(self, timestamp: int) -> Iterator[DtmfTone]:
        if self._active is not None and self._active.timestamp == timestamp:
            yield self._end(self._active)

    def _end(self, active: _ActiveEvent) -> DtmfTone:
        self._active = None
        self._ended.append(active.timestamp)
        return active.tone(self._clock_rate)
