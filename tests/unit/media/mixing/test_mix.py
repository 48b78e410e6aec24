from __future__ import annotations

import numpy as np
import pytest

from media.mixing.blocks import SAMPLES
from media.mixing.mix import Mix


def mix(**values: float) -> Mix:
    numbers = {"a": 1, "b": 2, "c": 3}
    return Mix(
        0,
        {
            numbers[name]: np.full((SAMPLES, 1), value, dtype=np.float32)
            for name, value in values.items()
        },
    )


@pytest.mark.parametrize(
    ("left_out", "value"),
    [((), 0.7), ((1,), 0.6), ((2,), 0.5), ((1, 2), 0.4), ((9,), 0.7), ((1, 2, 3), None)],
)
def test_the_sum_without_some(left_out: tuple[int, ...], value: float | None) -> None:
    found = mix(a=0.1, b=0.2, c=0.4).without(left_out)
    if value is None:
        assert found is None
    else:
        assert found == pytest.approx(np.full((SAMPLES, 1), value))


def test_nobody_speaks() -> None:
    assert mix().total is None
    assert mix().without((1,)) is None


def test_one_alone_is_not_copied() -> None:
    alone = mix(a=0.1)
    assert alone.total is alone.blocks[1]


def test_inputs_are_left_as_they_are() -> None:
    both = mix(a=0.1, b=0.2)
    assert both.total is not None
    assert both.blocks[1][0, 0] == np.float32(0.1)
