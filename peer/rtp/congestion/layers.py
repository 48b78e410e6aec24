"""Divides the bitrate of one sender among the layers of its simulcast, the smallest first. PURE.

A layer is sent where its least bitrate is left once the smaller ones have what they look well with;
what is over goes to the largest that is sent. Its counterpart in libwebrtc is
SimulcastRateAllocator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.congestion.allocation import Share
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A layer begins with so many times its least bitrate, and stops below that bitrate (ours): one
#: that comes and goes costs a key frame each time.
BEGIN_RATIO = 1.2
#: Pixels of a picture, and its least bitrate, the one it looks well with, and the highest that it
#: gains from, in bits/s (libwebrtc's table of simulcast formats, without its cores for VP9).
_RATES = (
    (0, 30_000, 30_000, 100_000),
    (320 * 180, 30_000, 150_000, 200_000),
    (480 * 270, 150_000, 350_000, 450_000),
    (640 * 360, 150_000, 500_000, 700_000),
    (960 * 540, 350_000, 1_200_000, 1_200_000),
    (1280 * 720, 600_000, 2_500_000, 2_500_000),
    (1920 * 1080, 800_000, 4_000_000, 5_000_000),
)


@dataclass(frozen=True, slots=True)
class LayerShare(Share):
    """The claim of one layer on the bitrate of its sender, in bits/s.

    Args:
        target: Bitrate with which the layer looks well; larger layers get what is left of it.
        pixels: Width times height of its pictures, by which layers are ordered.
    """

    target: int = 0
    pixels: int = 0


def layer_share(pixels: int, *, highest: int | None, weight: float = 1.0) -> LayerShare:
    """Return the claim of a layer.

    Args:
        pixels: Width times height of its pictures.
        highest: Bits/s that the application allows; None for no bound.
        weight: Relative part of the bitrate of the transport, beside other senders.
    """
    before = _RATES[0]
    for row in _RATES:
        if row[0] >= pixels:
            break
        before = row
    else:
        row = _RATES[-1]
    part = (pixels - before[0]) / (row[0] - before[0]) if row[0] > before[0] else 1.0
    least, target, most = (
        round(low + min(part, 1.0) * (high - low))
        for low, high in zip(before[1:], row[1:], strict=True)
    )
    if highest is not None:
        # A program that allows more than the table wants more.
        most = highest
        target, least = min(target, most), min(least, most)
    return LayerShare(minimum=least, maximum=most, weight=weight, target=target, pixels=pixels)


def sender_share(layers: Sequence[LayerShare]) -> Share:
    """Return the claim of a sender with these layers on the bitrate of its transport."""
    smallest = min(layers, key=_size)
    highest = sum(each.maximum or each.target for each in layers)
    weight = max(each.weight for each in layers)
    return Share(min(smallest.minimum, highest), highest, weight)


def allocate_layers(
    bitrate: int, layers: Sequence[LayerShare], sent: Sequence[bool]
) -> tuple[int, ...]:
    """Divide a bitrate among layers, in their order; a layer with 0 is not to be sent.

    The smallest gets whatever there is: a bad picture is better than none.

    Args:
        bitrate: Bits/s of the sender.
        layers: Claims of the layers.
        sent: Which of them are sent at present.
    """
    given = [0] * len(layers)
    order = sorted(range(len(layers)), key=lambda index: _size(layers[index]))
    left = bitrate
    for position, index in enumerate(order):
        layer = layers[index]
        needed = layer.minimum * (1.0 if sent[index] else BEGIN_RATIO)
        if position and left < needed:
            break
        given[index] = min(left, layer.target)
        left -= given[index]
    for index in reversed(order):
        if given[index]:
            more = min(left, (layers[index].maximum or left) - given[index])
            given[index] += max(more, 0)
            left -= max(more, 0)
    return tuple(given)


def waiting_bitrate(layers: Sequence[LayerShare], given: Sequence[int]) -> int | None:
    """Return the bits/s with which the next layer would begin; None where all are sent.

    Args:
        layers: Claims of the layers.
        given: What each has, as `allocate_layers` gives it.
    """
    needed = 0
    for layer, bitrate in sorted(zip(layers, given, strict=True), key=lambda each: _size(each[0])):
        if not bitrate:
            return needed + round(layer.minimum * BEGIN_RATIO)
        needed += layer.target
    return None


def _size(layer: LayerShare) -> tuple[int, int]:
    return layer.pixels, layer.maximum or 0
