"""Receives several encodings of one picture (RFC 8853) as one stream, the best of them. PURE."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from peer.rtp.receiving.frame_assembler import ReceiveTimeline

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.packet import RtpPacket
    from peer.rtp.receiving.layer_choice import Layer
    from peer.rtp.receiving.layer_view import LayerView
    from peer.rtp.receiving.payload_types import PayloadType
    from peer.rtp.receiving.ssrc_receiver import SsrcReceiver
    from peer.times import MonotonicTime

    MakeReceiver = Callable[
        [RtpPacket, PayloadType, ReceiveTimeline, Callable[[EncodedFrame], None]], SsrcReceiver
    ]

logger = logging.getLogger(__name__)

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
    """Receives the encodings of one simulcast, and gives each view those of one at a time.

    An encoding is known by its RID, or by its SSRC where the peer says those. Those that are not
    given are followed without repairs and requests.

    Args:
        rids: Of the encodings (RFC 8853).
        ssrcs: Of the encodings, where the peer says those instead.
        make: Makes the receiver of an SSRC by its first packet.
        views: Get the frames, the first of them for most readers.

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
        views: Sequence[LayerView],
    ) -> None:
        self.names = tuple(rids) or tuple(map(str, ssrcs))
        self._by_rid = {rid.encode(): index for index, rid in enumerate(rids)}
        self._by_ssrc = {} if rids else {ssrc: index for index, ssrc in enumerate(ssrcs)}
        self._encodings = tuple(_Encoding() for _ in self.names)
        self._make = make
        self._views = tuple(views)
        self._choices = tuple(view.attach(self.names) for view in self._views)
        # The encodings that are repaired and asked: by view, the one that is chosen, and wanted.
        self._active: tuple[tuple[int | None, int | None], ...] = ()
        self._listened: frozenset[int | None] = frozenset()
        self._now: MonotonicTime = 0.0

    def __repr__(self) -> str:
        return f"<LayeredReceiver {','.join(self.names)} {self._choices!r}>"

    def __iter__(self) -> Iterator[SsrcReceiver]:
        return (each.receiver for each in self._encodings if each.receiver is not None)

    @property
    def ssrcs(self) -> Collection[int]:
        return self._by_ssrc.keys()

    @property
    def given(self) -> SsrcReceiver | None:
        """The receiver of the encoding that is given; None before the first frame."""
        given = self._views[0].given
        return None if given is None else self._encodings[given].receiver

    @property
    def deadline(self) -> MonotonicTime | None:
        """Time to call `advance`; None where nothing waits."""
        return min((each.deadline for each in self if each.deadline is not None), default=None)

    def described(self) -> Iterator[tuple[str, int | None, Layer]]:
        """Name, present SSRC and measures of each encoding."""
        for index, name in enumerate(self.names):
            receiver = self._encodings[index].receiver
            ssrc = None if receiver is None else receiver.state.ssrc
            yield name, ssrc, self._choices[0].layers[index]

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
        receiver.listen(quietly=index not in self._listened)
        return receiver

    def receive(self, receiver: SsrcReceiver, packet: RtpPacket, arrival: MonotonicTime) -> None:
        """Take a packet of the receiver that it has (`receiver_for`)."""
        self._now = arrival
        index, size = self._by_ssrc[packet.ssrc], len(packet.payload)
        for choice in self._choices:
            choice.on_packet(index, size=size, now=arrival)
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

    def add_view(self, view: LayerView, now: MonotonicTime) -> None:
        """Give one more reader an encoding of its own choice from now on."""
        choice = view.attach(self.names)
        for known, learning in zip(self._choices[0].layers, choice.layers, strict=True):
            learning.learn(known)
        self._views = (*self._views, view)
        self._choices = (*self._choices, choice)
        self.look(now)

    def remove_view(self, view: LayerView) -> None:
        """Give a reader nothing any more."""
        self._views = tuple(each for each in self._views if each is not view)
        self._choices = tuple(each.choice for each in self._views if each.choice is not None)

    def look(self, now: MonotonicTime) -> None:
        """See whether other encodings are wanted, as after another limit of a view."""
        self._now = now
        for choice in self._choices:
            choice.look(now)
        self._settle(now)

    def request_keyframe(self, now: MonotonicTime, view: LayerView | None = None) -> None:
        """Request a key frame, again until one comes; the first of all frames is one anyway."""
        given = (view or self._views[0]).given
        receiver = None if given is None else self._encodings[given].receiver
        if receiver is not None:
            self._now = now
            receiver.request_keyframe(now)

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
        for choice in self._choices:
            choice.on_end(index, self._now)
        self._settle(self._now)

    def end(self) -> None:
        """Drop what is incomplete; the next key frame of any encoding is given."""
        for receiver in self:
            receiver.end()
        for choice in self._choices:
            choice.reset()

    def _settle(self, now: MonotonicTime) -> None:
        active = tuple((choice.chosen, choice.wanted) for choice in self._choices)
        if active == self._active:
            return
        former, self._active = self._active, active
        self._listened = frozenset(index for pair in active for index in pair)
        for index, encoding in enumerate(self._encodings):
            if encoding.receiver is not None:
                encoding.receiver.listen(quietly=index not in self._listened)
        asked = {wanted for _, wanted in former}
        for chosen, wanted in active:
            # Before the first key frame of all, a receiver asks by itself where its packets begin
            # none.
            if wanted is None or wanted in asked or (chosen is None and len(active) == 1):
                continue
            logger.debug("a key frame of the encoding %s is wanted", self.names[wanted])
            asked.add(wanted)
            receiver = self._encodings[wanted].receiver
            if receiver is not None:
                receiver.request_keyframe(now)

    def _on_encoded(self, index: int, frame: EncodedFrame) -> None:
        for view in self._views:
            view.put(index, frame, self._now)
