"""Owns one stream while it is followed: its packets put in order, repaired and made frames of."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from peer.rtp.receiving.frame_assembler import FrameAssembler
from peer.rtp.receiving.keyframes import STALLED, KeyframeRequests, WaitingKeyframe
from peer.rtp.receiving.nack import NackTracker, ReorderingWait
from peer.rtp.receiving.packet_buffer import InsertResult, PacketBuffer
from peer.rtp.rtcp import FullIntraRequest, Nack, PictureLossIndication
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.levels import AudioLevel
    from peer.rtp.packet import RtpPacket
    from peer.rtp.receiving.packet_buffer import Item
    from peer.rtp.receiving.payload_types import PayloadType
    from peer.rtp.receiving.ssrcs import SsrcState
    from peer.rtp.receiving.timestamps import ReceiveTimeline
    from peer.rtp.rtcp import RtcpPacket

#: Seconds that a missing packet is waited for at least and at most, where it may only be out of
#: order, and where the peer sends it again when asked. To wait for a repair costs a picture
#: nothing: the key frame that is asked for meanwhile goes first.
SOUND_HOLD = (0.02, 0.2)
PICTURE_HOLD = (0.05, 0.2)
REPAIRED_SOUND_HOLD = (0.05, 0.3)
REPAIRED_PICTURE_HOLD = (0.6, 1.5)
#: A retransmission further ahead of all that came is not believed.
_AHEAD_LIMIT = 128


class SsrcReceiver:
    """From the first packet of an SSRC to the first of the one that follows it.

    Args:
        kind: Audio or video.
        source: Of the stream.
        first: The extended number to begin with.
        payload_type: To begin with.
        types: All of them.
        timeline: Of the receiver.
        rtcp_ssrc: Under which feedback is sent.
        on_frame: Gets frames.
        on_feedback: Gets RTCP to send at once.

    Attributes:
        deadline: When to call `advance`, in seconds; None where nothing waits.
        type: The present payload type.
    """

    __slots__ = (
        "_fir_number",
        "_frames",
        "_hold",
        "_kind",
        "_missing",
        "_on_feedback",
        "_ordering",
        "_pictures",
        "_suspect",
        "_watch",
        "deadline",
        "rtcp_ssrc",
        "source",
        "type",
    )

    def __init__(
        self,
        kind: MediaKind,
        source: SsrcState,
        first: int,
        *,
        payload_type: PayloadType,
        types: Mapping[int, PayloadType],
        timeline: ReceiveTimeline,
        rtcp_ssrc: int,
        on_frame: Callable[[EncodedFrame], None],
        on_feedback: Callable[[tuple[RtcpPacket, ...]], None],
    ) -> None:
        self.source = source
        self.rtcp_ssrc = rtcp_ssrc
        self.deadline: float | None = None
        self._kind = kind
        self.type = payload_type
        self._on_feedback = on_feedback
        self._pictures = KeyframeRequests() if kind is MediaKind.VIDEO else None
        self._frames = FrameAssembler(
            types, source, timeline, on_frame=on_frame, on_keyframe=self._on_keyframe
        )
        self._missing = NackTracker(asks=payload_type.nack)
        self._ordering = PacketBuffer(
            first, self._missing, deliver=self._frames.add, on_lost=self._on_lost
        )
        self._watch = WaitingKeyframe()
        self._hold = ReorderingWait(0.0, 0.0)
        self._set_hold()
        self._suspect: Item | None = None
        self._fir_number = 0

    def configure(self, types: Mapping[int, PayloadType], rtcp_ssrc: int) -> None:
        """Go on with other payload types."""
        self.rtcp_ssrc = rtcp_ssrc
        self._frames.configure(types)
        known = types.get(self.type.codec.payload_type)
        if known is not None:
            self.use(known)

    def use(self, payload_type: PayloadType) -> None:
        """The packets have another payload type from now on."""
        self.type = payload_type
        self._missing.asks = payload_type.nack
        self._set_hold()

    def set_round_trip_time(self, seconds: float) -> None:
        """Told by whoever measured it."""
        self._missing.tell(seconds)
        self._set_hold()

    def hold(self, now: float) -> float:
        """Seconds that a missing packet is waited for."""
        return self._hold.value(now)

    def take(self, packet: RtpPacket, level: AudioLevel | None, arrival: float) -> None:
        """A packet of the stream itself."""
        counter = self.source.counter
        before = counter.last_arrival
        number = counter.count(
            packet.sequence_number, packet.timestamp, len(packet.payload), arrival
        )
        ordering = self._ordering
        if number == ordering.next and not ordering.waiting:
            ordering.next = number + 1
            self._frames.add(packet, level, arrival)
            # A picture may stop in the middle. To look now and then costs less than to say at
            # each packet when.
            if self.deadline is None and self._pictures is not None:
                self.deadline = arrival + STALLED
            return
        item = (packet, level, arrival)
        if number < 0:
            self._suspect = item
            self.source.discarded += 1
            return
        if counter.jumped:
            counter.jumped = False
            self._jump(number)
        repaired = None if self._missing.asks else False
        self._put(number, item, silence=arrival - before, repaired=repaired)
        self.advance(arrival)

    def take_repair(self, packet: RtpPacket, arrival: float) -> None:
        """A packet that a retransmission stream brought back."""
        source = self.source
        number = source.counter.extend(packet.sequence_number)
        if number > source.counter.highest + _AHEAD_LIMIT:
            source.discarded += 1
            return
        placed = self._put(number, (packet, None, arrival), repaired=True)
        if placed in (InsertResult.FILLED, InsertResult.NEXT, InsertResult.WAITS):
            source.recovered += 1
        self.advance(arrival)

    def advance(self, now: float) -> None:
        """Do what is due."""
        ordering, pictures = self._ordering, self._pictures
        while (head := ordering.head_since) is not None:
            if now >= head + self._hold.value(now):
                ordering.give_up()
            elif self._skippable(head, now):
                ordering.drop_to(self._watch.start)
            else:
                break
        if pictures is not None:
            self._ask_for_picture(pictures, head, now)
        if lost := self._missing.take(now):
            self.source.nack_count += 1
            self._on_feedback((Nack(self.rtcp_ssrc, self.source.ssrc, lost),))
        self._set_deadline(head, now)

    def request_keyframe(self, now: float) -> None:
        """The application wants one; it is asked for until it comes."""
        if self._pictures is not None:
            self._pictures.wished = True
            self.advance(now)

    def wish_keyframe(self) -> None:
        """The application wants one, and may be served by the packet that comes now."""
        if self._pictures is not None:
            self._pictures.wished = True

    def end(self) -> None:
        """Nothing more is expected of it: what is not complete is dropped."""
        self._ordering.clear()
        self._frames.lost()
        self._watch.clear()
        self._suspect = None
        if self._pictures is not None:
            self._pictures.cancel()
        self.deadline = None

    def _put(
        self, number: int, item: Item, *, silence: float = 0.0, repaired: bool | None = False
    ) -> InsertResult:
        ordering, source = self._ordering, self.source
        placed = ordering.put(number, item, silence=silence, repaired=repaired)
        arrival = item[2]
        match placed:
            case InsertResult.DUPLICATE:
                source.duplicates += 1
            case InsertResult.LATE:
                source.discarded += 1
                self._hold.learn(ordering.lateness, arrival)
            case InsertResult.FILLED:
                self._hold.learn(ordering.lateness, arrival)
            case InsertResult.NEXT | InsertResult.WAITS:
                pass
        if self._pictures is not None:
            if number in ordering.waiting and self._frames.format is not None:
                self._watch.saw(number, item[0], self._frames.format)
            self._watch.look(ordering.waiting)
        return placed

    def _jump(self, number: int) -> None:
        suspect, self._suspect = self._suspect, None
        self._watch.clear()
        # RFC 3550 appendix A.1: two in a row were needed, and the first of them counts too.
        if suspect is None or (suspect[0].sequence_number + 1) & 0xFFFF != number & 0xFFFF:
            self._ordering.restart(number)
            return
        self._ordering.restart(number - 1)
        self.source.discarded -= 1
        self._ordering.put(number - 1, suspect)

    def _skippable(self, head: float, now: float) -> bool:
        if not self._watch.complete or self._watch.start <= self._ordering.next:
            return False
        frames = self._frames
        # What cannot be shown without a key frame is not worth waiting for. Otherwise a repair
        # gets the time that it takes.
        return (frames.broken and not frames.partial) or now >= head + self._patience

    @property
    def _patience(self) -> float:
        return self._missing.round_trip * 1.5 + 0.03

    def _ask_for_picture(self, pictures: KeyframeRequests, head: float | None, now: float) -> None:
        frames, source = self._frames, self.source
        heard = source.counter.last_arrival
        # Broken and partial: the packets of a key frame are coming, which serves everybody.
        if (
            (pictures.wished and not (frames.broken and frames.partial))
            or (frames.broken and not frames.partial)
            or (head is not None and now >= head + STALLED)
            or (frames.partial and now >= heard + STALLED)
        ):
            pictures.want(now)
        else:
            pictures.cancel()
        if not pictures.take(now, heard=heard, round_trip=self._missing.round_trip):
            return
        if self.type.pli:
            source.pli_count += 1
            self._on_feedback((PictureLossIndication(self.rtcp_ssrc, source.ssrc),))
        elif self.type.fir:
            source.fir_count += 1
            # RFC 5104 section 4.3.1.1: another number for each request that is to be served.
            self._fir_number = (self._fir_number + 1) & 0xFF
            entry = (source.ssrc, self._fir_number)
            self._on_feedback((FullIntraRequest(self.rtcp_ssrc, (entry,)),))

    def _set_deadline(self, head: float | None, now: float) -> None:
        due = self._missing.due
        if head is not None:
            due = min(due, head + self._hold.value(now))
            if self._watch.complete and now < head + self._patience:
                due = min(due, head + self._patience)
        if (pictures := self._pictures) is not None:
            if pictures.due is not None:
                due = min(due, pictures.due)
            elif head is not None:
                due = min(due, head + STALLED)
            elif self._frames.partial:
                due = min(due, self.source.counter.last_arrival + STALLED)
        self.deadline = due if due < float("inf") else None

    def _set_hold(self) -> None:
        nack = self.type.nack
        round_trip = self._missing.round_trip
        match self._kind:
            case MediaKind.AUDIO:
                least, most = REPAIRED_SOUND_HOLD if nack else SOUND_HOLD
                repair = round_trip * 1.5 + 0.03
            case MediaKind.VIDEO:
                least, most = REPAIRED_PICTURE_HOLD if nack else PICTURE_HOLD
                repair = round_trip * 4 + 0.1
            case _:
                assert_never(self._kind)
        if nack:
            least = max(least, repair)
        self._hold.least, self._hold.most = min(least, most), most

    def _on_lost(self) -> None:
        self.source.gaps += 1
        self._frames.lost()

    def _on_keyframe(self) -> None:
        if self._pictures is not None:
            self._pictures.came()
