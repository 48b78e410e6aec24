"""Descriptions that are not as they should be: what we make of each, and why Chromium differs."""

from __future__ import annotations

import pytest

from tests.support.descriptions.differences import DOCUMENT, with_table
from tests.support.descriptions.variants import VARIANTS, Variant, our_verdict


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda each: f"{each.stage}: {each.what}")
def test_description_with_one_thing_changed_is_taken_closed_or_refused(variant: Variant) -> None:
    assert our_verdict(variant) == variant.ours


def test_every_difference_from_chromium_has_a_reason() -> None:
    differ = {each.what for each in VARIANTS if each.ours != each.chromium}
    assert {each.what for each in VARIANTS if each.reason is not None} == differ


def test_table_of_the_differences_from_chromium_is_up_to_date() -> None:
    # `python -m tests.support.descriptions.differences` writes it anew.
    text = DOCUMENT.read_text()
    assert with_table(text) == text
