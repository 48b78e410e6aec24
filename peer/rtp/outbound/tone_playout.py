"""Owns sending the packets of one tone, each in its time (RFC 4733 section 2.5.1)."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.rtp.alarm import Alarm
from peer.rtp.dtmf_events import DtmfEncoder, DtmfPacket

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.outbound.media import OutboundMedia
    from peer.rtp_parameters import Codec, SendParameters

TELEPHONE_EVENT = "telephone-event"


def tone_codec(parameters: SendParameters) -> Codec | None:
    """What tones are sent as; None where that was not agreed."""
    rate = parameters.codecs[0].clock_rate
    events = [each for each in parameters.codecs if each.name.lower() == TELEPHONE_EVENT]
    # RFC 4733 section 2.1: at the clock rate of the sound around it, where that was agreed. Some
    # offer 8000 alone beside Opus, and read timestamps at the rate of the sound.
    return next((each for each in events if each.clock_rate == rate), next(iter(events), None))


@dataclass(frozen=True, slots=True)
class _Playing:
    payload_type: int
    begun: float
    timestamp: int


class TonePlayout:
    """Plays one tone after the other, in place of the sound; the `ToneStream` of a sender."""

    def __init__(self) -> None:
        self._media: OutboundMedia | None = None
        self._clock: Callable[[], float] = time.monotonic
        self._alarm: Alarm | None = None
        self._packets: deque[DtmfPacket] = deque()
        self._playing: _Playing | None = None

    def attach(self, media: OutboundMedia, clock: Callable[[], float]) -> None:
        """Send over this from now on.

        Args:
            media: Sends the packets.
            clock: The engine's, in seconds.
        """
        self._media = media
        self._clock = clock
        self._alarm = Alarm(clock, self._advance)

    @property
    def takes_tones(self) -> bool:
        """Whether tones were agreed on, and something is sent now."""
        media = self._media
        return media is not None and not media.paused and tone_codec(media.parameters) is not None

    def play_tone(self, tone: str, *, duration: int, gap: int) -> None:
        """Begin a tone of so many ms; what is left of the one before is not sent."""
        media = self._media
        codec = None if media is None else tone_codec(media.parameters)
        if media is None or codec is None:
            return
        now = self._clock()
        encoder = DtmfEncoder(clock_rate=codec.clock_rate, duration=duration, gap=gap)
        self._packets = deque(encoder.encode(tone))
        self._playing = _Playing(
            payload_type=codec.payload_type,
            begun=now,
            timestamp=media.tone_time(now, duration / 1000),
        )
        self._advance(now)

    def stop(self) -> None:
        """Send no more."""
        self._media = self._playing = None
        self._packets.clear()
        if self._alarm is not None:
            self._alarm.cancel()

    def _advance(self, now: float) -> None:
        media, playing, packets = self._media, self._playing, self._packets
        if media is None or playing is None or self._alarm is None:
            return
        while packets and playing.begun + packets[0].at <= now:
            packet = packets.popleft()
            media.send_event(
                packet.payload,
                # RFC 4733 section 2.5.1.3: a segment begins where the one before ends, as counted
                # in the durations of events.
                timestamp=playing.timestamp + packet.offset,
                payload_type=playing.payload_type,
                marker=packet.marker,
                begun=playing.begun,
            )
        self._alarm.set(playing.begun + packets[0].at if packets else None)
