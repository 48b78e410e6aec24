"""Owns `Pacer`: when each packet of one transport is sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from peer.rtp.sending.outbound_frame import PacketPriority

if TYPE_CHECKING:
    from peer.rtp.congestion.controller import CongestionController
    from peer.rtp.sending.outbound_frame import OutboundFrame, PacketSource

#: Of the target: a picture may go out faster than its encoder makes them on average.
FACTOR = 2.5
#: Seconds that one burst stands for.
BURST = 0.005
#: The same for who makes more than the target all the time: encoders overshoot, and repairs come
#: on top of what they make.
SUSTAINED = 1.15
#: Seconds' worth of that which may be sent ahead of it.
AHEAD = 1.0
#: What counts of it at most.
MOST_AHEAD = 1.25
#: Seconds' worth of the rate for which sound, that never waits, may hold up what does.
SOUND_LIMIT = 0.1
#: Seconds that a frame may wait before it begins.
WAIT_LIMIT = 1.0
#: Packets that may wait; what a single frame has beyond counts for nothing.
PACKET_LIMIT = 2000
#: Retransmissions that may wait: the peer asks again for what it still needs.
REPAIR_LIMIT = 256

_OCTETS = 1 / 8
_UNBOUNDED = float("inf")


class Pacer:
    """A leaky bucket that sends at 2.5 times the target, in bursts of at most 5 ms.

    Sound goes at once, and before repairs, and these before pictures. What is within the burst
    goes at once without a timer. Frames that waited too long are dropped, oldest first, unless
    they have begun. Who makes clearly more than the target all the time is held close to it.

    Args:
        congestion: Says how fast, and is told what was sent.
        send: Takes a packet; False where it could not be sent, which is a loss like another.
        send_all: Takes several in their order and returns how many could be sent, where that costs
            less than one by one.

    Attributes:
        deadline: When `advance` is to be called; None while nothing waits.
        queued_packets: That wait.
        dropped_frames: Given up so far.
        refused_packets: That `send` did not take.
    """

    def __init__(
        self,
        congestion: CongestionController,
        send: Callable[[bytes], bool],
        send_all: Callable[[Sequence[bytes]], int] | None = None,
    ) -> None:
        self.deadline: float | None = None
        self.queued_packets = 0
        self.dropped_frames = 0
        self.refused_packets = 0
        self._congestion = congestion
        self._send = send
        self._send_all = send_all
        self._repairs: deque[OutboundFrame] = deque()
        self._pictures: deque[OutboundFrame] = deque()
        # Octets sent that have not leaked yet: at the rate of pacing, and at what is sustained.
        self._debt = 0.0
        self._ahead = 0.0
        self._leaked = float("-inf")
        self._rate = 0.0

    def enqueue(self, frame: OutboundFrame, now: float) -> None:
        """Send a frame as soon as the rate allows: its source writes each packet in its turn.

        A source's `on_dropped` may be called for frames before it, or for this one.
        """
        frame.queued = now
        self._leak(now)
        if frame.urgency is PacketPriority.SOUND:
            self._burst(frame, _UNBOUNDED, now)
            self._debt = min(self._debt, self._rate * SOUND_LIMIT)
            return
        if self.deadline is None and self._burst(frame, self._rate * BURST, now):
            return
        self._hold(frame, now)

    def advance(self, now: float) -> None:
        """Send what has become due; look at `deadline` afterwards."""
        self._leak(now)
        self._drop_stale(now)
        limit = self._rate * BURST
        for queue in (self._repairs, self._pictures):
            while queue and self._debt <= limit:
                before = queue[0].position
                done = self._burst(queue[0], limit, now)
                self.queued_packets -= queue[0].position - before
                if done:
                    queue.popleft()
        self._set_deadline(now)

    def discard(self, source: PacketSource) -> None:
        """Forget the frames of a source, without telling it."""
        self._remove(frame for frame in self._waiting() if frame.source is source)

    def _leak(self, now: float) -> None:
        """Let out what the time since the last call allows."""
        elapsed = now - self._leaked
        self._leaked = now
        target = self._congestion.target
        rate = target * (_OCTETS * SUSTAINED)
        ahead = self._ahead - elapsed * rate
        # What was sent at a higher target is not held against a lower one.
        self._ahead = ahead = min(max(ahead, 0.0), rate * MOST_AHEAD)
        if ahead <= rate * AHEAD:
            rate = target * (_OCTETS * FACTOR)
        self._rate = rate
        debt = self._debt - elapsed * rate
        self._debt = debt if debt > 0 else 0.0

    def _burst(self, frame: OutboundFrame, limit: float, now: float) -> bool:
        """Send packets of a frame until the bucket is full; whether that was all of them."""
        source = frame.source
        congestion = self._congestion
        packets: Sequence[bytes] = ()
        count = len(frame.payloads)
        room = limit - self._debt
        sent = 0
        while sent <= room and frame.position < count:
            written = source.write(frame, congestion.next_number, now, room - sent)
            sizes = list(map(len, written))
            sent += sum(sizes)
            if source.numbered:
                congestion.on_sent(sizes, now)
            packets = (*packets, *written) if packets else written
        if len(packets) > 1 and self._send_all is not None:
            self.refused_packets += len(packets) - self._send_all(packets)
        else:
            for packet in packets:
                self.refused_packets += not self._send(packet)
        self._debt += sent
        self._ahead += sent
        return frame.position == count

    def _hold(self, frame: OutboundFrame, now: float) -> None:
        repair = frame.urgency is PacketPriority.REPAIR
        (self._repairs if repair else self._pictures).append(frame)
        self.queued_packets += len(frame.payloads) - frame.position
        if self.deadline is None:
            self._set_deadline(now)
        if len(self._repairs) > REPAIR_LIMIT:
            self._drop(self._repairs[0])
        self._drop_stale(now)
        while self.queued_packets > PACKET_LIMIT:
            oldest = self._oldest_unbegun()
            if oldest is None or oldest is frame:
                break
            self._drop(oldest)

    def _set_deadline(self, now: float) -> None:
        # Once the bucket is empty, so that a burst is sent each time and not a packet.
        waits = self._debt / self._rate
        self.deadline = now + waits if self.queued_packets else None

    def _waiting(self) -> Iterable[OutboundFrame]:
        return (*self._repairs, *self._pictures)

    def _oldest_unbegun(self) -> OutboundFrame | None:
        return next((frame for frame in self._pictures if not frame.position), None)

    def _drop_stale(self, now: float) -> None:
        while self._pictures:
            oldest = self._oldest_unbegun()
            if oldest is None or now - oldest.queued <= WAIT_LIMIT:
                return
            self._drop(oldest)

    def _drop(self, frame: OutboundFrame) -> None:
        """Give up a frame and what cannot be decoded without it."""
        source = frame.source
        dropped = [frame]
        broken = frame.urgency is PacketPriority.PICTURE
        if broken:
            behind = False
            for each in self._pictures:
                if behind and each.source is source:
                    if each.keyframe:
                        broken = False
                        break
                    dropped.append(each)
                behind = behind or each is frame
        self._remove(dropped)
        self.dropped_frames += len(dropped)
        source.on_dropped(len(dropped), broken=broken)

    def _remove(self, frames: Iterable[OutboundFrame]) -> None:
        gone = {id(frame) for frame in frames}
        for queue in (self._repairs, self._pictures):
            kept = [frame for frame in queue if id(frame) not in gone]
            if len(kept) != len(queue):
                queue.clear()
                queue.extend(kept)
        self.queued_packets = sum(len(frame.payloads) - frame.position for frame in self._waiting())
        if not self.queued_packets:
            self.deadline = None
