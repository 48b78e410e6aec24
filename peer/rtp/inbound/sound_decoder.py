"""Decodes the audio of one receiver on the event loop itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.codecs import FrameDecoder
from peer.rtp.inbound.stream_decoding import StreamDecoding

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.inbound.stream_decoding import DecodeEvents, DecoderLike
    from peer.rtp_parameters import Codec
    from peer.times import MonotonicTime, Seconds

#: Packets decoded for each second that passes, over time (ours): those of Opus that last 2.5 ms,
#: the shortest there are, come 400 times a second (RFC 6716 section 2.1.4).
RATE = 500.0
#: Packets decoded at once (ours): all that a jitter buffer holds, after a stall.
BURST = 256.0


class SoundDecoder:
    """Decodes audio within the call that gives a packet: 20 ms of it take some 40 microseconds.

    A thread would add to each packet two changes of threads, each of which waits for its turn on a
    busy machine. A peer that sends more packets than sound has cannot hold up the event loop:
    beyond 500 a second and 256 at once they are dropped.

    Args:
        loop: The event loop; its thread alone calls.
        events: Takes the events, within `put`.
        clock: The monotonic clock, in seconds.
        make_decoder: Makes a decoder; raises DecodeError where there is none for the codec.

    Attributes:
        dropped: Packets dropped, as too many came.
        awaits_keyframe: False: each packet of audio can be decoded after any other.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        events: DecodeEvents,
        clock: Callable[[], MonotonicTime],
        *,
        make_decoder: Callable[[Codec], DecoderLike] = FrameDecoder,
    ) -> None:
        del loop
        self.dropped = 0
        self.awaits_keyframe = False
        self._clock = clock
        self._decoding = StreamDecoding(events, clock, make_decoder)
        self._ended = False
        self._allowed = BURST
        self._counted_at = clock()

    def __repr__(self) -> str:
        state = "ended" if self._ended else "running"
        return f"<SoundDecoder {state} dropped={self.dropped}>"

    def put(self, frame: EncodedFrame) -> None:
        """Decode a packet, or drop it where too many came."""
        if self._ended:
            return
        now = self._clock()
        self._allowed = min(BURST, self._allowed + (now - self._counted_at) * RATE)
        self._counted_at = now
        if self._allowed < 1:
            self.dropped += 1
            return
        self._allowed -= 1
        self._decoding.decode(frame)

    def end(self) -> None:
        """Decode nothing any more."""
        self._ended = True

    async def wait_ended(self, timeout: Seconds) -> None:
        """Return at once, as no thread has to end."""
