"""Chooses one of several encodings of one picture: the highest that arrives whole. PURE.

Encodings (RFC 8853) differ in size, and where that is the same, in bitrate. A change is possible
at a key frame only: the choice says of which encoding one is wanted. A higher one is taken at its
next key frame; a lower one where the present one gives nothing whole while others arrive. What
failed so is then left alone for a while, ever longer, so that a link that flaps does not freeze the
picture each time. A limit has smaller ones taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import MonotonicTime, Seconds

#: Seconds without a packet after which an encoding counts as off (ours).
ALIVE = 1.5
#: Least and largest seconds without a whole frame, while others arrive, until another one is taken
#: (ours; LiveKit looks each 0.5 s).
STALL = (0.5, 3.0)
#: Frame intervals without a frame that count as a stall, where that is longer (ours).
_STALL_INTERVALS = 3.0
#: Seconds for which a key frame of one encoding is requested at most (ours).
PATIENCE = 3.0
#: Least and largest seconds in which an encoding that failed is not taken again (ours).
PENALTY = (2.0, 60.0)
#: Seconds after which an encoding that holds is as good as one that never failed (ours).
_PROVEN = 10.0
#: The limit of a stall before frames told how often they come, in seconds (ours).
_FIRST_STALL = 1.0
#: Seconds over which a bitrate is measured (ours).
_WINDOW = 0.5
#: By how much the bitrate of an encoding is greater that counts as higher (ours).
_BITRATE_RATIO = 1.5


class Layer:
    """Size, bitrate and failures of one encoding so far.

    Attributes:
        area: Pixels of its last key frame; 0 before one.
        bitrate: Bytes per second of late; 0 before they were measured.
        last_packet: Arrival of its last packet.
        retry_at: Time from which it may be taken.
    """

    __slots__ = ("_bytes", "_since", "area", "bitrate", "last_packet", "penalty", "retry_at")

    def __init__(self) -> None:
        self.area = 0
        self.bitrate = 0.0
        self.last_packet: MonotonicTime = float("-inf")
        self.retry_at: MonotonicTime = float("-inf")
        self.penalty: Seconds = 0.0
        self._bytes = 0
        self._since: MonotonicTime = 0.0

    def count(self, size: int, now: MonotonicTime) -> None:
        """Count a packet of the encoding."""
        if now - self.last_packet >= ALIVE:
            self._since, self._bytes = now, 0
        self.last_packet = now
        self._bytes += size
        if (elapsed := now - self._since) >= _WINDOW:
            latest = self._bytes / elapsed
            self.bitrate = (self.bitrate + latest) / 2 if self.bitrate else latest
            self._since, self._bytes = now, 0

    def is_active(self, now: MonotonicTime) -> bool:
        """True while packets of the encoding come."""
        return now - self.last_packet < ALIVE

    def learn(self, other: Layer) -> None:
        """Know of the encoding what another choice knows; not how it failed there."""
        self.area, self.bitrate, self.last_packet = other.area, other.bitrate, other.last_packet

    def is_higher_than(self, other: Layer) -> bool:
        """True where it has more pixels, or as many and clearly more bits for them."""
        if self.area and other.area and self.area != other.area:
            return self.area > other.area
        return self.bitrate > other.bitrate * _BITRATE_RATIO and other.bitrate > 0.0

    def punish(self, now: MonotonicTime) -> None:
        """Leave it alone for a while, longer each time."""
        shortest, longest = PENALTY
        self.penalty = min(max(shortest, self.penalty * 2), longest)
        self.retry_at = now + self.penalty


class LayerChoice:
    """The choice among the encodings of one picture, which are numbered from 0.

    Args:
        count: Number of encodings.

    Attributes:
        layers: What is known of each.
        most: The largest encoding that is wanted; None for no limit.
        chosen: The encoding whose frames are given; None before the first key frame.
        wanted: The encoding of which a key frame is wanted; None for none.
        stalled: True while the chosen one gives nothing whole, and others arrive.
    """

    __slots__ = (
        "_chosen_at",
        "_interval",
        "_last_frame",
        "_last_packet",
        "_waiting_since",
        "_wanted_since",
        "chosen",
        "layers",
        "most",
        "stalled",
        "wanted",
    )

    def __init__(self, count: int) -> None:
        self.layers = tuple(Layer() for _ in range(count))
        self.most: int | None = None
        self.chosen: int | None = None
        self.wanted: int | None = None
        self.stalled = False
        self._chosen_at: MonotonicTime = 0.0
        self._wanted_since: MonotonicTime = 0.0
        self._last_frame: MonotonicTime = 0.0
        self._last_packet: MonotonicTime = float("-inf")
        # Since when others arrive without a frame of the chosen one.
        self._waiting_since: MonotonicTime | None = None
        # Mean seconds between frames of the chosen one; 0 before two of them.
        self._interval: Seconds = 0.0

    def __repr__(self) -> str:
        return f"<LayerChoice chosen={self.chosen} wanted={self.wanted} stalled={self.stalled}>"

    def on_packet(self, index: int, *, size: int, now: MonotonicTime) -> None:
        """Take note of a packet, and see whether another encoding is wanted.

        Args:
            index: Its encoding.
            size: Bytes of its payload.
            now: Its arrival.
        """
        self.layers[index].count(size, now)
        silence, self._last_packet = now - self._last_packet, now
        if index != self.chosen:
            # Where nothing at all came, it was the link.
            if self._waiting_since is None or silence > self._patience / 2:
                self._waiting_since = now
            self._look(now)

    def on_frame(self, index: int, *, keyframe: bool, area: int, now: MonotonicTime) -> bool:
        """Take note of a whole frame; True where it is to be given.

        Args:
            index: Its encoding.
            keyframe: Whether it can be decoded by itself.
            area: Its pixels; 0 where it does not say.
            now: Its arrival.
        """
        layer = self.layers[index]
        if keyframe and area:
            layer.area = area
        if index != self.chosen:
            if not keyframe or not self._is_welcome(index, layer, now):
                return False
            self._choose(index, now)
            return True
        passed, self._last_frame = now - self._last_frame, now
        self._interval += (min(passed, STALL[1]) - self._interval) / (8 if self._interval else 1)
        self.stalled = False
        self._waiting_since = None
        if now - self._chosen_at > _PROVEN:
            layer.penalty = 0.0
        self._drop_want(layer)
        return True

    def on_end(self, index: int, now: MonotonicTime) -> None:
        """Take note that the peer ended an encoding (RFC 3550 section 6.6)."""
        self.layers[index].last_packet = float("-inf")
        if index == self.chosen:
            self.stalled = True
        if index == self.wanted:
            self.wanted = None
        self._look(now)

    def reset(self) -> None:
        """Begin with the first key frame that comes, as after a pause."""
        self.chosen = self.wanted = None
        self.stalled = False
        self._waiting_since = None

    def look(self, now: MonotonicTime) -> None:
        """See whether another encoding is wanted, as after another limit."""
        self._look(now)

    def _is_welcome(self, index: int, layer: Layer, now: MonotonicTime) -> bool:
        if self.chosen is None or self.stalled:
            return self.wanted in (None, index) or self._fits(layer)
        chosen = self.layers[self.chosen]
        if not self._fits(chosen):
            return index == self.wanted
        fits = self._fits(layer)
        return fits and layer.retry_at <= now and layer.is_higher_than(chosen)

    def _fits(self, layer: Layer) -> bool:
        """True where an encoding is no larger than the largest that is wanted."""
        return self.most is None or not layer.is_higher_than(self.layers[self.most])

    def _drop_want(self, given: Layer) -> None:
        """Want no other encoding that is no better than the one that is given."""
        if self.wanted is None or not self._fits(given):
            return
        if not self.layers[self.wanted].is_higher_than(given):
            self.wanted = None

    def _choose(self, index: int, now: MonotonicTime) -> None:
        self.chosen, self._chosen_at, self._last_frame = index, now, now
        self._interval = 0.0
        self.stalled = False
        self._waiting_since = None
        if self.wanted == index:
            self.wanted = None
        self._drop_want(self.layers[index])

    def _look(self, now: MonotonicTime) -> None:
        chosen = None if self.chosen is None else self.layers[self.chosen]
        if chosen is not None and not self.stalled and self._is_stalling(now):
            self.stalled = True
            chosen.punish(now)
        if self.wanted is not None and now - self._wanted_since > PATIENCE:
            self.layers[self.wanted].punish(now)
            self.wanted = None
        best = self._best(chosen, now)
        if best != self.wanted:
            self.wanted, self._wanted_since = best, now

    def _is_stalling(self, now: MonotonicTime) -> bool:
        return self._waiting_since is not None and now - self._waiting_since > self._patience

    @property
    def _patience(self) -> Seconds:
        if not self._interval:
            return _FIRST_STALL
        shortest, longest = STALL
        return min(max(shortest, self._interval * _STALL_INTERVALS), longest)

    def _best(self, chosen: Layer | None, now: MonotonicTime) -> int | None:
        """The highest encoding that arrives and is better than what there is; None for none."""
        arriving = [
            index
            for index, layer in enumerate(self.layers)
            if layer is not chosen and layer.is_active(now)
        ]
        trusted = [each for each in arriving if self.layers[each].retry_at <= now]
        if chosen is None or self.stalled:
            arriving = self._within_limit(trusted or arriving)
        elif self._fits(chosen):
            fitting = (i for i in trusted if self._fits(self.layers[i]))
            arriving = [each for each in fitting if self.layers[each].is_higher_than(chosen)]
        else:
            lower = [each for each in trusted if chosen.is_higher_than(self.layers[each])]
            arriving = self._within_limit(lower)
        if self.wanted in arriving:
            # One that is asked already is not left for a little more.
            return self.wanted
        best: int | None = None
        for index in arriving:
            if best is None or self.layers[index].is_higher_than(self.layers[best]):
                best = index
        return best

    def _within_limit(self, arriving: list[int]) -> list[int]:
        """Keep the encodings that are within the limit; the smallest of all where none is."""
        fitting = [each for each in arriving if self._fits(self.layers[each])]
        if fitting or not arriving:
            return fitting
        smallest = arriving[0]
        for index in arriving:
            if self.layers[smallest].is_higher_than(self.layers[index]):
                smallest = index
        return [smallest]
