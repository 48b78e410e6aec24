"""Receives several encodings of one picture (RFC 8853) as one stream, the best of them. PURE."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from peer.rtp.receiving.frame_assembler import ReceiveTimeline
from peer.rtp.receiving.layer_choice import LayerChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.packet import RtpPacket
    from peer.rtp.receiving.payload_types import PayloadType
    from peer.rtp.receiving.ssrc_receiver import SsrcReceiver
    from peer.times import MonotonicTime, Seconds, UnixTime

    MakeReceiver = Callable[
        [RtpPacket, PayloadType, ReceiveTimeline, Callable[[EncodedFrame], None]], SsrcReceiver
    ]

logger = logging.getLogger(__name__)

#: Seconds by which capture times and arrivals of two encodings may disagree (ours).
_CREDIBLE = 1.0
#: Least seconds from the last frame of one encoding to the first of another (ours): containers
#: count in milliseconds.
_LEAST_STEP = 0.001
#: Least seconds from one change of an SSRC to the next, so that stragglers of the former SSRC do
#: not undo it (ours).
SSRC_SWITCH_INTERVAL = 0.2


class _Encoding:
    """One encoding with the receiver of its present SSRC."""

    __slots__ = ("receiver", "since", "timeline")

    def __init__(self) -> None:
        self.receiver: SsrcReceiver | None = None
        self.since: MonotonicTime = float("-inf")
        # Its own, as only frames that are given move the common one.
        self.timeline = ReceiveTimeline()


class LayeredReceiver:
    """Receives the encodings of one simulcast, and gives the frames of one of them at a time.

    An encoding is known by its RID, or by its SSRC where the peer says those. Those that are not
    given are followed without repairs and requests.

    Args:
        rids: Of the encodings (RFC 8853).
        ssrcs: Of the encodings, where the peer says those instead.
        make: Makes the receiver of an SSRC by its first packet.
        timeline: The presentation times of what is given.
        on_frame: Gets the frames.

    Attributes:
        names: RIDs, or SSRCs, of the encodings.
        ssrcs: The SSRCs that are received at present.
    """

    def __init__(
        self,
        *,
        rids: Sequence[str],
        ssrcs: Sequence[int],
        make: MakeReceiver,
        timeline: ReceiveTimeline,
        on_frame: Callable[[EncodedFrame], None],
    ) -> None:
        self.names = tuple(rids) or tuple(map(str, ssrcs))
        self._by_rid = {rid.encode(): index for index, rid in enumerate(rids)}
        self._by_ssrc = {} if rids else {ssrc: index for index, ssrc in enumerate(ssrcs)}
        self._encodings = tuple(_Encoding() for _ in self.names)
        self._choice = LayerChoice(len(self.names))
        self._make = make
        self._timeline = timeline
        self._on_frame = on_frame
        # The encodings that are repaired and asked: the one that is chosen, and that is wanted.
        self._active: tuple[int | None, int | None] = (None, None)
        self._given: int | None = None
        self._given_ssrc = 0
        self._capture: UnixTime | None = None
        self._arrival: MonotonicTime = 0.0
        self._now: MonotonicTime = 0.0

    def __repr__(self) -> str:
        return f"<LayeredReceiver {','.join(self.names)} {self._choice!r}>"

    def __iter__(self) -> Iterator[SsrcReceiver]:
        return (each.receiver for each in self._encodings if each.receiver is not None)

    @property
    def ssrcs(self) -> Collection[int]:
        return self._by_ssrc.keys()

    @property
    def given(self) -> SsrcReceiver | None:
        """The receiver of the encoding that is given; None before the first frame."""
        return None if self._given is None else self._encodings[self._given].receiver

    @property
    def deadline(self) -> MonotonicTime | None:
        """Time to call `advance`; None where nothing waits."""
        return min((each.deadline for each in self if each.deadline is not None), default=None)

    def receiver_of(self, ssrc: int | None) -> SsrcReceiver | None:
        """The receiver of an SSRC; None for another one."""
        return next((each for each in self if each.state.ssrc == ssrc), None)

    def receiver_for(
        self, packet: RtpPacket, known: PayloadType, rid: bytes | None, arrival: MonotonicTime
    ) -> SsrcReceiver | None:
        """The receiver of a packet, a new one for a new SSRC; None where no encoding has it.

        Args:
            packet: The packet.
            known: Its payload type.
            rid: Value of its RID header extension; None without one.
            arrival: Its arrival.
        """
        index = None if rid is None else self._by_rid.get(rid)
        if index is None:
            index = self._by_ssrc.get(packet.ssrc)
        if index is None:
            return None
        encoding = self._encodings[index]
        former = encoding.receiver
        if former is not None and former.state.ssrc == packet.ssrc:
            # Another RID may have claimed the SSRC meanwhile: the last packet decides.
            self._by_ssrc[packet.ssrc] = index
            return former
        if arrival - encoding.since < SSRC_SWITCH_INTERVAL:
            return None
        if former is not None:
            former.finish()
            if self._by_rid:
                self._by_ssrc.pop(former.state.ssrc, None)
        self._by_ssrc[packet.ssrc] = index
        encoding.since = arrival
        encoding.timeline.restart()
        encoding.receiver = receiver = self._make(
            packet, known, encoding.timeline, partial(self._on_encoded, index)
        )
        receiver.listen(quietly=index not in self._active)
        return receiver

    def receive(self, receiver: SsrcReceiver, packet: RtpPacket, arrival: MonotonicTime) -> None:
        """Take a packet of the receiver that it has (`receiver_for`)."""
        self._now = arrival
        self._choice.on_packet(self._by_ssrc[packet.ssrc], size=len(packet.payload), now=arrival)
        self._settle(arrival)
        receiver.receive(packet, None, arrival)
        if receiver.deadline is None or arrival >= receiver.deadline:
            receiver.advance(arrival)
        self._settle(arrival)

    def receive_retransmission(
        self, receiver: SsrcReceiver, packet: RtpPacket, arrival: MonotonicTime
    ) -> None:
        """Take a packet that an RTX stream brought back."""
        self._now = arrival
        receiver.receive_retransmission(packet, arrival)
        self._settle(arrival)

    def advance(self, now: MonotonicTime) -> None:
        """Do what is due: give up on gaps, request packets and key frames."""
        self._now = now
        for receiver in self:
            if receiver.deadline is not None and now >= receiver.deadline:
                receiver.advance(now)
        self._settle(now)

    def request_keyframe(self, now: MonotonicTime) -> None:
        """Request a key frame, again until one comes; the first of all frames is one anyway."""
        if self._choice.chosen is not None and (given := self.given) is not None:
            self._now = now
            given.request_keyframe(now)

    def goodbye(self, ssrc: int) -> None:
        """End an SSRC that the peer ended; another may follow at once."""
        index = self._by_ssrc.get(ssrc)
        encoding = None if index is None else self._encodings[index]
        if index is None or encoding is None or encoding.receiver is None:
            return
        encoding.receiver.finish()
        encoding.receiver = None
        encoding.since = float("-inf")
        if self._by_rid:
            del self._by_ssrc[ssrc]
        self._choice.on_end(index, self._now)
        self._settle(self._now)

    def end(self) -> None:
        """Drop what is incomplete; the next key frame of any encoding is given."""
        for receiver in self:
            receiver.end()
        self._choice.reset()

    def _settle(self, now: MonotonicTime) -> None:
        active = (self._choice.chosen, self._choice.wanted)
        if active == self._active:
            return
        former, self._active = self._active, active
        for index, encoding in enumerate(self._encodings):
            if encoding.receiver is not None:
                encoding.receiver.listen(quietly=index not in active)
        chosen, wanted = active
        # Before the first key frame of all, a receiver asks by itself where its packets begin none.
        if wanted is None or wanted == former[1] or chosen is None:
            return
        logger.debug("a key frame of the encoding %s is wanted", self.names[wanted])
        receiver = self._encodings[wanted].receiver
        if receiver is not None:
            receiver.request_keyframe(now)

    def _on_encoded(self, index: int, frame: EncodedFrame) -> None:
        stalled = self._choice.stalled
        area = (frame.width or 0) * (frame.height or 0)
        if not self._choice.on_frame(index, keyframe=frame.keyframe, area=area, now=self._now):
            return
        gap = frame.gap
        if frame.ssrc != self._given_ssrc:
            if index != self._given:
                self._tell(index, frame, stalled=stalled)
                gap = stalled
            self._timeline.restart(self._step_to(frame))
            self._given, self._given_ssrc = index, frame.ssrc
        pts = self._timeline.pts(
            frame.timestamp, arrival=frame.arrival, clock_rate=frame.codec.clock_rate
        )
        self._capture, self._arrival = frame.wall_clock, frame.arrival
        self._on_frame(replace(frame, pts=pts, gap=gap))

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
            ", ".join(self.names),
            self.names[index],
            frame.width,
            frame.height,
            ""
            if self._given is None
            else f"; {self.names[self._given]} stalled"
            if stalled
            else "",
        )
