"""Sends the packets of telephone events (DTMF), each in its time (RFC 4733 section 2.5.1)."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from peer.rtp.alarm import Alarm
from peer.rtp.dtmf_events import DtmfEncoder, DtmfPacket
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.outbound.outbound_stream import OutboundStream
    from peer.rtp_parameters import Codec, SendParameters
    from peer.times import MonotonicTime

TELEPHONE_EVENT = "telephone-event"


def tone_codec(parameters: SendParameters) -> Codec | None:
    """Return the codec of telephone events; None where none was negotiated."""
    rate = parameters.codecs[0].clock_rate
    events = [each for each in parameters.codecs if each.name.lower() == TELEPHONE_EVENT]
    # RFC 4733 section 2.1: at the clock rate of the audio in the stream, where that was
    # negotiated. Some peers offer 8000 Hz alone beside Opus, and read timestamps at the rate of the
    # audio.
    return next((each for each in events if each.clock_rate == rate), next(iter(events), None))


@dataclass(frozen=True, slots=True)
class _Playing:
    payload_type: int
    begun: MonotonicTime
    timestamp: int


class TonePlayout:
    """Plays one tone after the other, in place of the audio; the `ToneStream` of a sender."""

    def __init__(self) -> None:
        self._stream: OutboundStream | None = None
        self._clock: Callable[[], MonotonicTime] = time.monotonic
        self._alarm: Alarm | None = None
        self._packets: deque[DtmfPacket] = deque()
        self._playing: _Playing | None = None

    def attach(self, stream: OutboundStream, clock: Callable[[], MonotonicTime]) -> None:
        """Send over a stream from now on.

        Args:
            stream: Sends the packets.
            clock: Monotonic clock of the engine.
        """
        self._stream = stream
        self._clock = clock
        self._alarm = Alarm(clock, self._advance)

    @property
    def takes_tones(self) -> bool:
        """True while telephone events are negotiated, and the stream is not paused."""
        stream = self._stream
        if stream is None or stream.paused:
            return False
        return tone_codec(stream.parameters) is not None

    def play_tone(self, tone: str, *, duration: int, gap: int) -> None:
        """Begin a tone in place of the one before.

        Args:
            tone: Character of the tone.
            duration: Duration of the tone in ms.
            gap: Least time after the tone in ms.
        """
        stream = self._stream
        codec = None if stream is None else tone_codec(stream.parameters)
        if stream is None or codec is None:
            return
        now = self._clock()
        encoder = DtmfEncoder(clock_rate=codec.clock_rate, duration=duration, gap=gap)
        self._packets = deque(encoder.encode(tone))
        self._playing = _Playing(
            payload_type=codec.payload_type,
            begun=now,
            timestamp=stream.begin_event(now, duration / 1000),
        )
        self._advance(now)

    def stop(self) -> None:
        """Drop the packets not sent yet, and release the stream."""
        self._stream = self._playing = None
        self._packets.clear()
        if self._alarm is not None:
            self._alarm.cancel()

    def _advance(self, now: MonotonicTime) -> None:
        stream, playing, packets = self._stream, self._playing, self._packets
        if stream is None or playing is None or self._alarm is None:
            return
        while packets and playing.begun + packets[0].at <= now:
            packet = packets.popleft()
            stream.send_event(
                packet.payload,
                # RFC 4733 section 2.5.1.3: a segment begins where the one before ends, in the
                # durations of events.
                timestamp=playing.timestamp + packet.offset,
                payload_type=playing.payload_type,
                marker=packet.marker,
                begun=playing.begun,
            )
        self._alarm.set(playing.begun + packets[0].at if packets else None)
