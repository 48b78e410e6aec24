"""The encoding that a viewer's bandwidth carries is selected with hysteresis."""

from __future__ import annotations

from peer.rtp.inbound.layer_selector import (
    DOWN_AFTER,
    PENALTY,
    PROVEN,
    UP_AFTER,
    UP_RATIO,
    LayerSelector,
)
from peer.rtp.inbound.layers import ReceivedLayer


def layer(rid: str, pixels: int, bitrate: int, *, active: bool = True) -> ReceivedLayer:
    return ReceivedLayer(rid=rid, ssrc=pixels, pixels=pixels, bitrate=bitrate, active=active)


LAYERS = (layer("q", 100, 100_000), layer("h", 400, 300_000), layer("f", 1600, 800_000))


class Viewer:
    """A selector that looks each 50 ms, as a sender has it look."""

    def __init__(self, layers: tuple[ReceivedLayer, ...] = LAYERS) -> None:
        self.selector = LayerSelector()
        self.layers = layers
        self.most: str | None = None
        self.now = 1000.0

    def run(self, seconds: float, bandwidth: int) -> list[str | None]:
        """Return what is selected in that time, without repetitions."""
        found: list[str | None] = []
        for _ in range(round(seconds / 0.05)):
            selected = self.selector.select(self.layers, bandwidth, most=self.most, now=self.now)
            if found[-1:] != [selected]:
                found.append(selected)
            self.now += 0.05
        return found


def test_first_selection_is_the_largest_that_fits_at_once() -> None:
    assert Viewer().run(0.05, 500_000) == ["h"]
    assert Viewer().run(0.05, 10_000) == ["q"]


def test_nothing_is_selected_before_a_bitrate_is_known() -> None:
    viewer = Viewer((layer("q", 0, 0), layer("f", 0, 0)))
    assert viewer.run(1, 1_000_000) == [None]
    assert viewer.selector.waiting is None


def test_larger_encoding_is_selected_only_after_it_fitted_with_a_margin_for_a_while() -> None:
    viewer = Viewer()
    viewer.run(0.05, 150_000)
    assert viewer.selector.waiting == 300_000 * UP_RATIO
    assert viewer.run(5, 350_000) == ["q"]
    assert viewer.run(UP_AFTER - 0.1, 400_000) == ["q"]
    assert viewer.run(0.1, 350_000) == ["q"]
    assert viewer.run(UP_AFTER - 0.1, 400_000) == ["q"]
    assert viewer.run(0.2, 400_000) == ["q", "h"]


def test_smaller_encoding_is_selected_after_the_present_one_was_too_large_for_a_while() -> None:
    viewer = Viewer()
    viewer.run(1, 900_000)
    assert viewer.run(DOWN_AFTER - 0.1, 700_000) == ["f"]
    assert viewer.run(1, 900_000) == ["f"]
    assert viewer.run(DOWN_AFTER + 0.1, 700_000) == ["f", "h"]


def test_smaller_encoding_is_selected_at_once_where_bandwidth_is_far_too_little() -> None:
    viewer = Viewer()
    viewer.run(1, 900_000)
    assert viewer.run(0.05, 150_000) == ["q"]


def test_encoding_that_does_not_last_is_left_alone_longer_each_time() -> None:
    viewer = Viewer()
    viewer.run(PROVEN, 900_000)
    waits = []
    for _ in range(7):
        viewer.run(0.05, 150_000)
        begun = viewer.now
        while viewer.run(0.05, 2_000_000) == ["q"]:
            pass
        waits.append(round(viewer.now - begun - UP_AFTER))
    assert waits == [2, 4, 8, 16, 32, 60, 60]
    viewer.run(PROVEN, 2_000_000)
    viewer.run(0.05, 150_000)
    assert viewer.selector.waiting is None
    assert viewer.run(PENALTY[0] + UP_AFTER + 0.2, 2_000_000) == ["q", "f"]


def test_no_larger_encoding_waits_once_the_largest_is_selected_or_the_limit_is() -> None:
    viewer = Viewer()
    viewer.run(1, 2_000_000)
    assert (viewer.selector.selected, viewer.selector.waiting) == ("f", None)
    viewer.most = "h"
    assert viewer.run(1, 2_000_000) == ["h"]
    assert viewer.selector.waiting is None


def test_encoding_that_stopped_is_replaced_by_one_that_comes() -> None:
    viewer = Viewer()
    viewer.run(1, 2_000_000)
    viewer.layers = (*LAYERS[:2], layer("f", 1600, 800_000, active=False))
    assert viewer.run(0.1, 2_000_000) == ["h"]
