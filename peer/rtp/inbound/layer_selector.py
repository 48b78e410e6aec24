"""Selects the encoding of a simulcast that a viewer's bandwidth carries, with hysteresis. PURE.

A change costs a key frame of the peer that sends, so that an encoding is left only once it has been
too large for a while, and a larger one is taken only where the bandwidth has held it with something
to spare. One that did not last is left alone for a while, longer each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp.inbound.layers import ReceivedLayer
    from peer.times import MonotonicTime, Seconds

#: A larger encoding is taken where its bitrate fits in the bandwidth so many times (ours).
UP_RATIO = 1.2
#: Seconds for which that has to hold (ours).
UP_AFTER = 1.0
#: Seconds for which an encoding has to be too large until a smaller one is taken (ours): a key
#: frame raises its bitrate for half of that.
DOWN_AFTER = 1.0
#: Part of its bitrate that is left where it is too large at once (ours).
_FAR_TOO_LITTLE = 0.6
#: Least and largest seconds in which no larger encoding is taken after one was too large (ours).
PENALTY = (2.0, 60.0)
#: Seconds after which an encoding that was held had not failed when it was left (ours).
PROVEN = 20.0


class LayerSelector:
    """The encoding that one viewer gets, by the bandwidth towards it.

    Attributes:
        selected: RID of that encoding; None before the bitrate of one was measured.
        waiting: Bits/s of payload with which the next larger encoding begins; None where none is to
            be had now.
    """

    def __init__(self) -> None:
        self.selected: str | None = None
        self.waiting: int | None = None
        self._selected_at: MonotonicTime = 0.0
        # Since when the present encoding is too large, and since when a larger one fits.
        self._too_large_since: MonotonicTime | None = None
        self._fits_since: MonotonicTime | None = None
        self._retry_at: MonotonicTime = float("-inf")
        self._penalty: Seconds = 0.0

    def __repr__(self) -> str:
        return f"<LayerSelector {self.selected} waiting={self.waiting}>"

    def select(
        self,
        layers: Sequence[ReceivedLayer],
        bandwidth: int,
        *,
        most: str | None,
        now: MonotonicTime,
    ) -> str | None:
        """Select the encoding that the bandwidth carries; None before the bitrate of one is known.

        Args:
            layers: The encodings that come.
            bandwidth: Bits/s of payload that the viewer can be sent.
            most: RID of the largest that the application wants; None for no limit.
            now: Present time.
        """
        order = _within(layers, most)
        if not order:
            self.waiting = None
            return self.selected
        rids = [each.rid for each in order]
        if self.selected not in rids:
            self._take(_largest_within(order, bandwidth), now)
        else:
            self._consider(order, rids.index(self.selected), bandwidth=bandwidth, now=now)
        place = rids.index(self.selected) if self.selected in rids else len(order)
        self.waiting = (
            round(order[place + 1].bitrate * UP_RATIO)
            if place + 1 < len(order) and now >= self._retry_at
            else None
        )
        return self.selected

    def _consider(
        self, order: Sequence[ReceivedLayer], place: int, *, bandwidth: int, now: MonotonicTime
    ) -> None:
        """Take a smaller or a larger encoding, where that has been due for long enough."""
        present = order[place]
        if place and bandwidth < present.bitrate:
            self._fits_since = None
            since = self._too_large_since = (
                now if self._too_large_since is None else self._too_large_since
            )
            if now - since >= DOWN_AFTER or bandwidth < present.bitrate * _FAR_TOO_LITTLE:
                self._punish(now)
                self._take(_largest_within(order[:place], bandwidth), now)
            return
        self._too_large_since = None
        fitting = _largest_within(order, bandwidth / UP_RATIO)
        if now < self._retry_at or order.index(fitting) <= place:
            self._fits_since = None
            return
        since = self._fits_since = now if self._fits_since is None else self._fits_since
        if now - since >= UP_AFTER:
            self._take(fitting, now)

    def _take(self, layer: ReceivedLayer, now: MonotonicTime) -> None:
        self.selected, self._selected_at = layer.rid, now
        self._too_large_since = self._fits_since = None

    def _punish(self, now: MonotonicTime) -> None:
        shortest, longest = PENALTY
        failed = now - self._selected_at < PROVEN
        self._penalty = min(max(shortest, self._penalty * 2), longest) if failed else shortest
        self._retry_at = now + self._penalty


def _within(layers: Sequence[ReceivedLayer], most: str | None) -> list[ReceivedLayer]:
    """List the encodings that come and are known, no larger than `most`, the smallest first."""
    order = sorted(
        (each for each in layers if each.active and each.bitrate),
        key=lambda each: (each.pixels, each.bitrate),
    )
    limit = next((each.pixels for each in layers if each.rid == most and each.pixels), None)
    return order if limit is None else [each for each in order if each.pixels <= limit] or order[:1]


def _largest_within(order: Sequence[ReceivedLayer], bandwidth: float) -> ReceivedLayer:
    """The largest that the bandwidth carries; the smallest where it carries none."""
    return next((each for each in reversed(order) if each.bitrate <= bandwidth), order[0])
