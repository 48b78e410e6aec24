"""An encoder of pictures in virtual time, which those of PyAV on their threads do not know."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from peer.rtp.encoding import OutgoingFrame
from peer.rtp.formats import format_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoding import EncodingSettings, Subscription
    from peer.rtp.tracks import MediaStreamTrack

WIDTH, HEIGHT, RATE = 1280, 720, 30


class Encoder:
    """Encodes one layer at its bitrate; the subscription of a stream."""

    def __init__(self, settings: EncodingSettings, on_frame: Callable[[OutgoingFrame], None]):
        self.active = True
        self._settings = settings
        self._on_frame = on_frame
        self._format = format_of(settings.codec)
        self._bitrate = 100_000
        self._keyframe = True
        self._task = asyncio.create_task(self._run())

    def set_bitrate(self, bps: int) -> None:
        self._bitrate = bps

    def request_keyframe(self) -> None:
        self._keyframe = True

    def pause(self) -> None:
        self.active = False

    def resume(self) -> None:
        self.active = self._keyframe = True

    def close(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        number = 0
        while True:
            await asyncio.sleep(1 / RATE)
            number += 1
            if self.active:
                self._on_frame(self._frame(number, loop.time()))

    def _frame(self, number: int, now: float) -> OutgoingFrame:
        keyframe, self._keyframe = self._keyframe, False
        width, height = (int(side / self._settings.scale_down_by) for side in (WIDTH, HEIGHT))
        size = self._bitrate // 8 // RATE * (3 if keyframe else 1)
        sides = width.to_bytes(2, "little") + height.to_bytes(2, "little")
        # RFC 6386 section 9.1: the header of a key frame has its size.
        head = b"\x10\x00\x00\x9d\x01\x2a" + sides if keyframe else b"\x11\x00\x00"
        return OutgoingFrame(
            payloads=tuple(
                self._format.packetize(head + bytes(size), keyframe=keyframe, limit=1200)
            ),
            pts=number * 90_000 // RATE,
            time_base=Fraction(1, 90_000),
            keyframe=keyframe,
            capture_monotonic=now,
            width=width,
            height=height,
        )


def subscribe(
    track: MediaStreamTrack,
    settings: EncodingSettings,
    *,
    on_frame: Callable[[OutgoingFrame], None],
    on_ended: Callable[[], None],
    on_error: Callable[[Exception], None],
) -> Subscription:
    """Encode made-up pictures, in the place of `peer.rtp.encoding.subscribe`."""
    return cast("Subscription", Encoder(settings, on_frame))
