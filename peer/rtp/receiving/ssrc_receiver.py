"""Receives the packets of one SSRC: orders them, has losses repaired, assembles frames. PURE."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, assert_never

from peer.rtp.formats.opus_packet import has_copy
from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.frame_assembler import FrameAssembler
from peer.rtp.receiving.keyframes import STALL_TIMEOUT, KeyframeRequestTimer, WaitingKeyframe
from peer.rtp.receiving.nack import NackTracker, ReorderingWait
from peer.rtp.receiving.packet_buffer import InsertResult, PacketBuffer
from peer.rtp.receiving.redundancy import REACH, ArrivedPacket, places
from peer.rtp.rtcp import FullIntraRequest, Nack, PictureLossIndication
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.formats.red import RedBlock
    from peer.rtp.levels import AudioLevel
    from peer.rtp.receiving.frame_assembler import ReceiveTimeline
    from peer.rtp.receiving.packet_buffer import BufferedPacket
    from peer.rtp.receiving.payload_types import PayloadType
    from peer.rtp.receiving.ssrcs import SsrcState
    from peer.rtp.rtcp import RtcpPacket
    from peer.times import MonotonicTime, Seconds

logger = logging.getLogger(__name__)

#: Least and largest seconds to wait for a missing audio packet that may be out of order (ours).
AUDIO_WAIT = (0.02, 0.2)
#: Least and largest seconds to wait for a missing video packet that may be out of order (ours).
VIDEO_WAIT = (0.05, 0.2)
#: Least and largest seconds to wait for a missing audio packet that the peer sends again (ours).
AUDIO_NACK_WAIT = (0.05, 0.3)
#: Largest seconds to wait for one while somebody listens, whom the wait makes wait too (ours).
PLAYED_NACK_WAIT = 0.2
#: Least and largest seconds to wait for a missing video packet that the peer sends again. A long
#: wait costs nothing: the key frame that is requested meanwhile goes first (ours).
VIDEO_NACK_WAIT = (0.6, 1.5)
#: Outcomes of a copy that was missing.
_FILLED = frozenset({InsertResult.DELIVERED, InsertResult.FILLED_GAP})
#: Packets by which a retransmission may be ahead of all others (ours).
_RTX_AHEAD_LIMIT = 128


class SsrcReceiver:
    """Receives one media SSRC, from its first packet to the first one of the SSRC after it.

    Args:
        kind: Audio or video.
        state: The counts of the SSRC.
        first: The extended sequence number to begin with.
        payload_type: The payload type to begin with.
        types: The agreed payload types, by number.
        timeline: The presentation times of the receiver.
        rtcp_ssrc: The SSRC of our feedback.
        is_played: Tells whether somebody listens to, or watches, what is decoded.
        on_frame: Gets frames.
        on_feedback: Gets RTCP to send at once.

    Attributes:
        awaits_copies: True while a packet is received whose copies of others (RFC 2198) come next:
            nothing is requested before.
        state: As given.
        payload_type: The present payload type.
        deadline: Time to call `advance`; None where nothing waits.
    """

    __slots__ = (
        "_assembler",
        "_buffer",
        "_fir_sequence",
        "_is_played",
        "_is_repaired",
        "_keyframe_requests",
        "_kind",
        "_nack_tracker",
        "_on_feedback",
        "_quiet",
        "_reordering_wait",
        "_rtcp_ssrc",
        "_unconfirmed",
        "_waiting_keyframe",
        "awaits_copies",
        "deadline",
        "payload_type",
        "state",
    )

    def __init__(
        self,
        kind: MediaKind,
        state: SsrcState,
        first: int,
        *,
        payload_type: PayloadType,
        types: Mapping[int, PayloadType],
        timeline: ReceiveTimeline,
        rtcp_ssrc: int,
        is_played: Callable[[], bool],
        on_frame: Callable[[EncodedFrame], None],
        on_feedback: Callable[[tuple[RtcpPacket, ...]], None],
    ) -> None:
        self.awaits_copies = False
        self.state = state
        self.payload_type = payload_type
        self.deadline: MonotonicTime | None = None
        self._kind = kind
        self._quiet = False
        self._is_played = is_played
        self._is_repaired = False
        self._rtcp_ssrc = rtcp_ssrc
        self._on_feedback = on_feedback
        self._keyframe_requests = KeyframeRequestTimer() if kind is MediaKind.VIDEO else None
        self._assembler = FrameAssembler(
            types,
            state,
            timeline,
            on_frame=on_frame,
            on_keyframe=self._on_keyframe,
            on_wait=self._on_wait,
        )
        self._nack_tracker = NackTracker(enabled=payload_type.nack)
        self._nack_tracker.repeats = not payload_type.rtx
        self._buffer = PacketBuffer(
            first, self._nack_tracker, deliver=self._assembler.add, on_lost=self._on_lost
        )
        self._waiting_keyframe = WaitingKeyframe()
        self._reordering_wait = ReorderingWait(minimum=0.0, maximum=0.0)
        self._set_wait_bounds()
        self._unconfirmed: BufferedPacket | None = None
        self._fir_sequence = 0

    def __repr__(self) -> str:
        return (
            f"<SsrcReceiver {self.state.ssrc} {self.payload_type.codec.name}"
            f" missing={len(self._nack_tracker)} waiting={len(self._buffer.waiting)}>"
        )

    def configure(self, types: Mapping[int, PayloadType], rtcp_ssrc: int) -> None:
        """Use other payload types, and another SSRC for feedback, from now on."""
        self._rtcp_ssrc = rtcp_ssrc
        self._assembler.configure(types)
        known = types.get(self.payload_type.codec.payload_type)
        if known is not None:
            self.use(known)

    def use(self, payload_type: PayloadType) -> None:
        """Expect packets of another payload type from now on."""
        self.payload_type = payload_type
        self._nack_tracker.enabled = payload_type.nack and not self._quiet
        self._nack_tracker.repeats = not payload_type.rtx
        self._set_wait_bounds()

    def listen(self, *, quietly: bool) -> None:
        """Have nothing repaired and ask for no key frame from now on, or as usual."""
        if quietly != self._quiet:
            self._quiet = quietly
            if quietly and self._keyframe_requests is not None:
                self._keyframe_requests.cancel()
                self._keyframe_requests.is_application_waiting = False
            self.use(self.payload_type)

    def set_round_trip_time(self, seconds: Seconds) -> None:
        """Use a measured round-trip time instead of that of retransmissions."""
        self._nack_tracker.set_round_trip_time(seconds)
        self._set_wait_bounds()

    def reordering_wait(self, now: MonotonicTime) -> Seconds:
        """The seconds that a missing packet is waited for at present."""
        return self._reordering_wait.value(now)

    def receive(self, packet: RtpPacket, level: AudioLevel | None, arrival: MonotonicTime) -> None:
        """Take a packet of the SSRC itself."""
        counter = self.state.counter
        before = counter.last_arrival
        extended = counter.count(packet, arrival)
        buffer = self._buffer
        if extended == buffer.next and not buffer.waiting:
            buffer.next = extended + 1
            self._assembler.add(packet, level, arrival)
            # A frame may stop in the middle. To look now and then costs less than to set the
            # deadline at each packet.
            if self.deadline is None and self._keyframe_requests is not None:
                self.deadline = arrival + STALL_TIMEOUT
            return
        entry = (packet, level, arrival)
        if extended < 0:
            self._unconfirmed = entry
            self.state.discarded += 1
            return
        if counter.jumped:
            counter.jumped = False
            self._jump(extended)
        retransmitted = None if self._nack_tracker.enabled else False
        self._insert(extended, entry, silence=arrival - before, retransmitted=retransmitted)
        self.advance(arrival)

    def receive_retransmission(self, packet: RtpPacket, arrival: MonotonicTime) -> None:
        """Take a packet that an RTX stream brought back."""
        state = self.state
        extended = state.counter.extend(packet.sequence_number)
        if extended > state.counter.highest + _RTX_AHEAD_LIMIT:
            state.discarded += 1
            return
        result = self._insert(extended, (packet, None, arrival), retransmitted=True)
        if result not in (InsertResult.DUPLICATE, InsertResult.LATE):
            state.recovered += 1
        self.advance(arrival)

    def recover(
        self, packet: RtpPacket, copies: Sequence[RedBlock], arrival: MonotonicTime
    ) -> None:
        """Put copies that came with a packet (RFC 2198) in the places of packets that are missing.

        Args:
            packet: The packet itself, which was received before.
            copies: Copies of packets before it, the oldest first.
            arrival: Its arrival.
        """
        buffer = self._buffer
        extended = self.state.counter.extend(packet.sequence_number)
        distance = extended - buffer.next + 1
        # Packets wait only where one before them is missing.
        if self.state.last_frame is None or extended not in buffer.waiting or distance > REACH:
            if buffer.waiting:
                self.advance(arrival)
            return
        age = (packet.timestamp - self.state.last_frame[0]) & 0xFFFFFFFF
        arrived = [ArrivedPacket(distance, age)]
        for back in range(distance - 1, -1, -1):
            if (entry := buffer.waiting.get(extended - back)) is not None:
                age = (packet.timestamp - entry[0].timestamp) & 0xFFFFFFFF
                arrived.append(ArrivedPacket(back, age, sounds=bool(entry[0].payload)))
        found = places([copy.offset for copy in copies], arrived)
        for copy, place in zip(copies, found, strict=True):
            if place is None or not copy.payload:
                continue
            recovered = RtpPacket(
                payload_type=copy.payload_type,
                sequence_number=(extended - place) & 0xFFFF,
                timestamp=(packet.timestamp - copy.offset) & 0xFFFFFFFF,
                ssrc=packet.ssrc,
                payload=copy.payload,
            )
            if buffer.insert(extended - place, (recovered, None, arrival)) in _FILLED:
                self.state.recovered += 1
        self.advance(arrival)

    def advance(self, now: MonotonicTime) -> None:
        """Do what is due: give up on gaps, request packets and key frames."""
        buffer, requests = self._buffer, self._keyframe_requests
        while (blocked_since := buffer.blocked_since) is not None:
            if now >= blocked_since + self._patience(now):
                buffer.skip_gap()
            elif self._can_skip_to_keyframe(now, blocked_since=blocked_since):
                buffer.drop_before(self._waiting_keyframe.start)
            else:
                break
        assembler = self._assembler
        if (
            (release_at := assembler.release_at) is not None
            and now >= release_at
            and not buffer.waiting
        ):
            assembler.release()
        if self._quiet:
            self._set_deadline(now, blocked_since=blocked_since)
            return
        if requests is not None:
            self._request_keyframe(requests, now, blocked_since=blocked_since)
        if not self.awaits_copies:
            self._request_missing(now)
        self._set_deadline(now, blocked_since=blocked_since)

    def _patience(self, now: MonotonicTime) -> Seconds:
        """The seconds to wait for the packet that others wait for."""
        tracker = self._nack_tracker
        if tracker.is_left(self._buffer.next):
            return max(AUDIO_WAIT[0], tracker.reordering_wait(now))
        return self._reordering_wait.value(now)

    def _request_missing(self, now: MonotonicTime) -> None:
        tracker = self._nack_tracker
        if now < tracker.due:
            return
        if self._kind is MediaKind.AUDIO:
            tracker.patience = self._reordering_wait.value(now)
        if lost := tracker.take_due(now):
            self.state.nack_count += 1
            self._on_feedback((Nack(self._rtcp_ssrc, self.state.ssrc, lost),))

    def request_keyframe(self, now: MonotonicTime) -> None:
        """Request a key frame for the application, until one comes."""
        if self._keyframe_requests is not None:
            self._keyframe_requests.is_application_waiting = True
            self.advance(now)

    def expect_keyframe(self) -> None:
        """Request a key frame for the application, unless the next packet begins one."""
        if self._keyframe_requests is not None:
            self._keyframe_requests.is_application_waiting = True

    def finish(self) -> None:
        """Give the last frame where it is whole, as no packet follows, and end."""
        if not self._buffer.waiting:
            self._assembler.release()
        self.end()

    def end(self) -> None:
        """Drop incomplete frames and packets that wait; expect nothing more."""
        self._buffer.clear()
        self._assembler.drop()
        self._waiting_keyframe.clear()
        self._unconfirmed = None
        if self._keyframe_requests is not None:
            self._keyframe_requests.cancel()
        self.deadline = None

    def _insert(
        self,
        extended: int,
        entry: BufferedPacket,
        *,
        silence: Seconds = 0.0,
        retransmitted: bool | None = False,
    ) -> InsertResult:
        buffer, state = self._buffer, self.state
        result = buffer.insert(extended, entry, silence=silence, retransmitted=retransmitted)
        arrival = entry[2]
        match result:
            case InsertResult.DUPLICATE:
                state.duplicates += 1
                if retransmitted is None:
                    self._nack_tracker.received_again(extended, arrival)
            case InsertResult.LATE:
                state.discarded += 1
                self._learn(buffer.lateness, arrival)
                if self._nack_tracker.enabled and self._kind is MediaKind.AUDIO:
                    self._nack_tracker.received_late(buffer.lateness)
            case InsertResult.FILLED_GAP:
                self._learn(buffer.lateness, arrival)
            case InsertResult.DELIVERED | InsertResult.BUFFERED:
                pass
        if self._kind is MediaKind.AUDIO and extended in buffer.waiting:
            self._leave_copied(extended, entry[0])
        if self._keyframe_requests is not None:
            payload_format = self._assembler.payload_format
            if extended in buffer.waiting and payload_format is not None:
                self._waiting_keyframe.add(extended, entry[0], payload_format)
            self._waiting_keyframe.update(buffer.waiting)
        return result

    def _learn(self, lateness: Seconds, now: MonotonicTime) -> None:
        """Wait longer where a packet came late, and by the round trip that its answer may tell."""
        self._reordering_wait.learn(lateness=lateness, now=now)
        if self._kind is MediaKind.AUDIO:
            self._set_wait_bounds()

    def _leave_copied(self, extended: int, packet: RtpPacket) -> None:
        """Request no packet that the one behind it has a copy of, where that is all one hears.

        Recordings and relays have no use for in-band FEC of Opus, and get the packet itself.
        """
        tracker = self._nack_tracker
        if (
            tracker.enabled
            and tracker.missing_since(extended - 1) is not None
            and self.payload_type.codec.name.lower() == "opus"
            and has_copy(packet.payload)
            and self._is_played()
        ):
            tracker.leave(extended - 1)

    def _jump(self, extended: int) -> None:
        first, self._unconfirmed = self._unconfirmed, None
        self._waiting_keyframe.clear()
        # RFC 3550 appendix A.1: two in a row were needed, and the first of them counts too.
        if first is None or (first[0].sequence_number + 1) & 0xFFFF != extended & 0xFFFF:
            self._buffer.restart(extended)
            return
        self._buffer.restart(extended - 1)
        self.state.discarded -= 1
        self._buffer.insert(extended - 1, first)

    def _can_skip_to_keyframe(self, now: MonotonicTime, *, blocked_since: MonotonicTime) -> bool:
        keyframe = self._waiting_keyframe
        if not keyframe.complete or keyframe.start <= self._buffer.next:
            return False
        assembler = self._assembler
        # Packets that cannot be decoded without a key frame are not worth waiting for. Others get
        # the time that their retransmission takes.
        undecodable = assembler.awaits_keyframe and not assembler.partial
        return undecodable or now >= blocked_since + self._retransmission_time

    @property
    def _retransmission_time(self) -> Seconds:
        return self._nack_tracker.round_trip_time * 1.5 + 0.03

    def _request_keyframe(
        self,
        requests: KeyframeRequestTimer,
        now: MonotonicTime,
        *,
        blocked_since: MonotonicTime | None,
    ) -> None:
        assembler, state = self._assembler, self.state
        last_arrival = state.counter.last_arrival
        # Then the packets of a key frame are coming, which serves everybody.
        arriving = assembler.awaits_keyframe and assembler.partial
        if (
            (requests.is_application_waiting and not arriving)
            or (assembler.awaits_keyframe and not assembler.partial)
            or (blocked_since is not None and now >= blocked_since + STALL_TIMEOUT)
            or (assembler.partial and now >= last_arrival + STALL_TIMEOUT)
        ):
            requests.need(now)
        else:
            requests.cancel()
        round_trip_time = self._nack_tracker.round_trip_time
        if not requests.take_due(now, last_arrival=last_arrival, round_trip_time=round_trip_time):
            return
        if self.payload_type.pli:
            state.pli_count += 1
            self._on_feedback((PictureLossIndication(self._rtcp_ssrc, state.ssrc),))
        elif self.payload_type.fir:
            state.fir_count += 1
            # RFC 5104 section 4.3.1.1: another number for each request that is to be served.
            self._fir_sequence = (self._fir_sequence + 1) & 0xFF
            request = (state.ssrc, self._fir_sequence)
            self._on_feedback((FullIntraRequest(self._rtcp_ssrc, (request,)),))

    def _set_deadline(self, now: MonotonicTime, *, blocked_since: MonotonicTime | None) -> None:
        due = float("inf") if self._quiet else self._nack_tracker.due
        if blocked_since is not None:
            due = min(due, blocked_since + self._patience(now))
            repaired = blocked_since + self._retransmission_time
            if self._waiting_keyframe.complete and now < repaired:
                due = min(due, repaired)
        if (release_at := self._assembler.release_at) is not None and not self._buffer.waiting:
            due = min(due, release_at)
        if (requests := self._keyframe_requests) is not None and not self._quiet:
            if requests.due is not None:
                due = min(due, requests.due)
            elif blocked_since is not None:
                due = min(due, blocked_since + STALL_TIMEOUT)
            elif self._assembler.partial:
                due = min(due, self.state.counter.last_arrival + STALL_TIMEOUT)
        self.deadline = due if due < float("inf") else None

    def _set_wait_bounds(self) -> None:
        nack = self._nack_tracker.enabled
        match self._kind:
            case MediaKind.AUDIO:
                minimum, maximum = self._audio_wait_bounds()
            case MediaKind.VIDEO:
                minimum, maximum = VIDEO_NACK_WAIT if nack else VIDEO_WAIT
                if nack:
                    minimum = max(minimum, self._nack_tracker.round_trip_time * 4 + 0.1)
            case _:
                assert_never(self._kind)
        wait = self._reordering_wait
        wait.minimum, wait.maximum = min(minimum, maximum), maximum

    def _audio_wait_bounds(self) -> tuple[Seconds, Seconds]:
        """Wait for an answer to a second request, if the first comes in time; else for none."""
        tracker = self._nack_tracker
        least, most = AUDIO_NACK_WAIT
        if self._is_played():
            most = PLAYED_NACK_WAIT
        was_repaired = self._is_repaired
        self._is_repaired = tracker.enabled and tracker.answer_time <= most
        if self._is_repaired:
            return max(least, tracker.second_answer_time), most
        if was_repaired and tracker.enabled:
            logger.info(
                "lost sound of SSRC %d is not asked for again at present: what is sent again takes"
                " %.0f ms, and sound waits for %.0f ms",
                self.state.ssrc,
                1000 * tracker.round_trip_time,
                1000 * most,
            )
        return AUDIO_WAIT

    def _on_lost(self) -> None:
        self.state.gaps += 1
        self._assembler.on_loss()

    def _on_wait(self, until: MonotonicTime) -> None:
        if self.deadline is None or until < self.deadline:
            self.deadline = until

    def _on_keyframe(self) -> None:
        if self._keyframe_requests is not None:
            self._keyframe_requests.on_keyframe()
