"""Gives one reader the encodings of a picture as one stream, one of them at a time. PURE."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from peer.rtp.receiving.frame_assembler import ReceiveTimeline
from peer.rtp.receiving.layer_choice import LayerChoice
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.times import MonotonicTime, Seconds, UnixTime

logger = logging.getLogger(__name__)

#: Seconds by which capture times and arrivals of two encodings may disagree (ours).
_CREDIBLE = 1.0
#: Least seconds from the last frame of one encoding to the first of another (ours): containers
#: count in milliseconds.
_LEAST_STEP = 0.001


class LayerView:
    """The encoding that one reader gets, and the times of its frames across changes.

    Args:
        on_frame: Gets the frames.
        timeline: The presentation times of what is given; None for one of its own.

    Attributes:
        choice: The choice among the encodings; None while there is one stream alone.
        most: Name of the largest encoding that is wanted; None for no limit.
        given: Number of the encoding that is given; None before the first frame.
    """

    def __init__(
        self, on_frame: Callable[[EncodedFrame], None], timeline: ReceiveTimeline | None = None
    ) -> None:
        self.choice: LayerChoice | None = None
        self.given: int | None = None
        self.most: str | None = None
        self._names: tuple[str, ...] = ()
        self._timeline = ReceiveTimeline() if timeline is None else timeline
        self._on_frame = on_frame
        self._given_ssrc = 0
        self._capture: UnixTime | None = None
        self._arrival: MonotonicTime = 0.0

    def __repr__(self) -> str:
        return f"<LayerView {','.join(self._names)} most={self.most} {self.choice!r}>"

    def attach(self, names: Sequence[str]) -> LayerChoice:
        """Choose among encodings of these names from now on."""
        self._names = tuple(names)
        self.given, self._given_ssrc = None, 0
        self.choice = LayerChoice(len(names))
        self._set_limit(self.choice)
        self._timeline.restart()
        return self.choice

    def limit(self, most: str | None) -> None:
        """Want no larger encoding than this one, by its name; an unknown one is no limit."""
        self.most = most
        if self.choice is not None:
            self._set_limit(self.choice)

    def put(self, index: int, frame: EncodedFrame, now: MonotonicTime) -> None:
        """Take a whole frame of one of the encodings, and give it where that one is chosen."""
        choice = self.choice
        if choice is None:
            return
        stalled = choice.stalled
        area = (frame.width or 0) * (frame.height or 0)
        if not choice.on_frame(index, keyframe=frame.keyframe, area=area, now=now):
            return
        gap = frame.gap
        if frame.ssrc != self._given_ssrc:
            if index != self.given:
                self._tell(index, frame, stalled=stalled)
                gap = stalled
            self._timeline.restart(self._step_to(frame))
            self.given, self._given_ssrc = index, frame.ssrc
        pts = self._timeline.pts(
            frame.timestamp, arrival=frame.arrival, clock_rate=frame.codec.clock_rate
        )
        self._capture, self._arrival = frame.wall_clock, frame.arrival
        self._on_frame(replace(frame, pts=pts, gap=gap))

    def _set_limit(self, choice: LayerChoice) -> None:
        most = self.most
        choice.most = self._names.index(most) if most in self._names else None

    def _step_to(self, frame: EncodedFrame) -> Seconds:
        """Seconds from the last frame to one of another SSRC, by capture times or arrivals."""
        step: Seconds = frame.arrival - self._arrival
        if frame.wall_clock is not None and self._capture is not None:
            captured = frame.wall_clock - self._capture
            if abs(captured - step) < _CREDIBLE:
                step = captured
        return max(step, _LEAST_STEP)

    def _tell(self, index: int, frame: EncodedFrame, *, stalled: bool) -> None:
        logger.info(
            "of the encodings %s, %s is received, %s by %s%s",
            ", ".join(self._names),
            self._names[index],
            frame.width,
            frame.height,
            "" if self.given is None else f"; {self._names[self.given]} stalled" if stalled else "",
        )
