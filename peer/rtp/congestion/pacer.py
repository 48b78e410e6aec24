"""Paces the packets of one transport: decides when each packet is sent. PURE."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from peer.rtp.sending.outbound_frame import PacketPriority

if TYPE_CHECKING:
    from peer.rtp.congestion.controller import CongestionController
    from peer.rtp.sending.outbound_frame import OutboundFrame, PacketSource
    from peer.times import MonotonicTime

#: Pacing rate = 2.5 x target bitrate (libwebrtc: 2.5): a frame may leave faster than the encoder
#: makes frames on average.
FACTOR = 2.5
#: Burst in seconds of the pacing rate that leaves without a timer (libwebrtc: 5 ms).
BURST = 0.005
#: Sustained rate = 1.15 x target (ours): the pacing rate of senders that make more than the target
#: all the time. Encoders overshoot, and retransmissions come on top.
SUSTAINED = 1.15
#: Seconds of the sustained rate that may be sent ahead of it before it becomes the pacing rate
#: (ours).
AHEAD = 1.0
#: Seconds of the sustained rate that are remembered as sent ahead, at most (ours).
MAX_AHEAD = 1.25
#: Seconds of the pacing rate for which audio, which never waits, may hold up the rest (ours).
AUDIO_LIMIT = 0.1
#: Seconds that a frame waits for its first packet before it is dropped (ours; libwebrtc: 2).
WAIT_LIMIT = 1.0
#: Packets that wait at most, not counting a single larger frame (ours).
PACKET_LIMIT = 2000
#: Retransmissions that wait at most (ours): the peer asks again for packets that it still needs.
RETRANSMISSION_LIMIT = 256

#: Octets in a bit: rates are in bits/s, packets in octets.
_OCTETS_PER_BIT = 1 / 8
_UNBOUNDED = float("inf")


class Pacer:
    """Paces the packets of one transport: a leaky bucket at 2.5 times the target bitrate.

    Audio leaves at once, and before retransmissions, and these before video. Packets within the
    burst leave at once without a timer. Frames that waited too long are dropped, oldest first,
    unless their first packet was sent. Senders that make clearly more than the target all the time
    are held close to the target.

    Args:
        congestion: Gives the target bitrate, and records sent packets.
        send: Sends one packet. A packet that could not be sent is a loss like another.
        send_all: Sends several packets in their order, where that costs less than one by one.

    Attributes:
        deadline: When `advance` is due; None while no packet waits.
        queued_packets: Packets that wait.
        dropped_frames: Frames dropped so far.
    """

    def __init__(
        self,
        congestion: CongestionController,
        send: Callable[[bytes], object],
        send_all: Callable[[Sequence[bytes]], object] | None = None,
    ) -> None:
        self.deadline: MonotonicTime | None = None
        self.queued_packets = 0
        self.dropped_frames = 0
        self._congestion = congestion
        self._send = send
        self._send_all = send_all
        self._retransmissions: deque[OutboundFrame] = deque()
        self._video: deque[OutboundFrame] = deque()
        # Octets sent that have not leaked yet: at the pacing rate, and at the sustained rate.
        self._debt = 0.0
        self._ahead = 0.0
        self._leaked: MonotonicTime = float("-inf")
        self._rate = 0.0

    def __repr__(self) -> str:
        """Show the packets that wait, and the frames dropped so far."""
        return f"<Pacer queued={self.queued_packets} dropped_frames={self.dropped_frames}>"

    def enqueue(self, frame: OutboundFrame, now: MonotonicTime) -> None:
        """Send a frame as soon as the rate allows: its source writes each packet in its turn.

        Earlier frames, or this one, may be dropped: then their source's `on_dropped` is called.
        """
        frame.queued = now
        self._leak(now)
        if frame.priority is PacketPriority.AUDIO:
            self._burst(frame, limit=_UNBOUNDED, now=now)
            self._debt = min(self._debt, self._rate * AUDIO_LIMIT)
            return
        if self.deadline is None and self._burst(frame, limit=self._rate * BURST, now=now):
            return
        self._queue(frame, now)

    def advance(self, now: MonotonicTime) -> None:
        """Send the packets that have become due; `deadline` says when the next ones are."""
        self._leak(now)
        self._drop_stale(now)
        limit = self._rate * BURST
        for queue in (self._retransmissions, self._video):
            while queue and self._debt <= limit:
                before = queue[0].position
                done = self._burst(queue[0], limit=limit, now=now)
                self.queued_packets -= queue[0].position - before
                if done:
                    queue.popleft()
        self._set_deadline(now)

    def discard(self, source: PacketSource) -> None:
        """Forget the frames of a source, without a call of its `on_dropped`."""
        self._remove(frame for frame in self._waiting() if frame.source is source)

    def _leak(self, now: MonotonicTime) -> None:
        """Let the bucket leak for the time since the last call."""
        elapsed = now - self._leaked
        self._leaked = now
        target = self._congestion.target
        rate = target * (_OCTETS_PER_BIT * SUSTAINED)
        ahead = self._ahead - elapsed * rate
        # Octets sent at a higher target are not held against a lower one.
        self._ahead = ahead = min(max(ahead, 0.0), rate * MAX_AHEAD)
        if ahead <= rate * AHEAD:
            rate = target * (_OCTETS_PER_BIT * FACTOR)
        self._rate = rate
        debt = self._debt - elapsed * rate
        self._debt = debt if debt > 0 else 0.0

    def _burst(self, frame: OutboundFrame, *, limit: float, now: MonotonicTime) -> bool:
        """Send packets of a frame until the bucket is full; return whether all were sent."""
        source = frame.source
        congestion = self._congestion
        packets: Sequence[bytes] = ()
        count = len(frame.payloads)
        room = limit - self._debt
        sent = 0
        while sent <= room and frame.position < count:
            written = source.write_packets(
                frame,
                transport_sequence_number=congestion.next_sequence_number,
                now=now,
                room=room - sent,
            )
            sizes = list(map(len, written))
            sent += sum(sizes)
            if source.uses_twcc:
                congestion.on_sent(sizes, now)
            packets = (*packets, *written) if packets else written
        if len(packets) > 1 and self._send_all is not None:
            self._send_all(packets)
        else:
            for packet in packets:
                self._send(packet)
        self._debt += sent
        self._ahead += sent
        return frame.position == count

    def _queue(self, frame: OutboundFrame, now: MonotonicTime) -> None:
        is_retransmission = frame.priority is PacketPriority.RETRANSMISSION
        (self._retransmissions if is_retransmission else self._video).append(frame)
        self.queued_packets += len(frame.payloads) - frame.position
        if self.deadline is None:
            self._set_deadline(now)
        if len(self._retransmissions) > RETRANSMISSION_LIMIT:
            self._drop(self._retransmissions[0])
        self._drop_stale(now)
        while self.queued_packets > PACKET_LIMIT:
            oldest = self._oldest_unsent()
            if oldest is None or oldest is frame:
                break
            self._drop(oldest)

    def _set_deadline(self, now: MonotonicTime) -> None:
        # Once the bucket is empty, so that a burst is sent each time and not a packet.
        waits = self._debt / self._rate
        self.deadline = now + waits if self.queued_packets else None

    def _waiting(self) -> Iterable[OutboundFrame]:
        return (*self._retransmissions, *self._video)

    def _oldest_unsent(self) -> OutboundFrame | None:
        return next((frame for frame in self._video if not frame.position), None)

    def _drop_stale(self, now: MonotonicTime) -> None:
        while self._video:
            oldest = self._oldest_unsent()
            if oldest is None or now - oldest.queued <= WAIT_LIMIT:
                return
            self._drop(oldest)

    def _drop(self, frame: OutboundFrame) -> None:
        """Drop a frame and the frames of its source that cannot be decoded without it."""
        source = frame.source
        dropped = [frame]
        needs_keyframe = frame.priority is PacketPriority.VIDEO
        if needs_keyframe:
            behind = False
            for each in self._video:
                if behind and each.source is source:
                    if each.keyframe:
                        needs_keyframe = False
                        break
                    dropped.append(each)
                behind = behind or each is frame
        self._remove(dropped)
        self.dropped_frames += len(dropped)
        source.on_dropped(len(dropped), needs_keyframe=needs_keyframe)

    def _remove(self, frames: Iterable[OutboundFrame]) -> None:
        gone = {id(frame) for frame in frames}
        for queue in (self._retransmissions, self._video):
            kept = [frame for frame in queue if id(frame) not in gone]
            if len(kept) != len(queue):
                queue.clear()
                queue.extend(kept)
        self.queued_packets = sum(len(frame.payloads) - frame.position for frame in self._waiting())
        if not self.queued_packets:
            self.deadline = None
