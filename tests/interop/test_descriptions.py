"""Descriptions that are not as they should be: the verdicts of Chromium in the table are true."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.browser.browsers import BrowserName, open_browser
from tests.support.descriptions.variants import VARIANTS, Stage, Variant, base_texts, edited
from tests.support.peers.third_party import PROGRAMS


def trial(variant: Variant) -> dict[str, Any]:
    texts = base_texts()
    first, changed = texts[Stage.OFFER], [[e.pattern, e.replacement, e.once] for e in variant.edits]
    match variant.stage:
        case Stage.OFFER:
            return {"texts": [edited(variant, first)]}
        case Stage.REOFFER:
            return {"texts": [first, edited(variant, texts[Stage.REOFFER])]}
        case Stage.ANSWER:
            return {"edits": changed}


@pytest.mark.browser("chromium")
async def test_chromium_makes_of_each_description_what_the_table_says() -> None:
    async with open_browser(BrowserName.CHROMIUM) as browser:
        page = await browser.open("data:text/html,<title>descriptions</title>")
        source = (PROGRAMS / "descriptions.js").read_text()
        await page.evaluate(f"void (0, eval)({json.dumps(source)})")
        verdicts = await page.evaluate(f"judge({json.dumps([trial(each) for each in VARIANTS])})")
    assert [
        (each.stage, each.what, verdict)
        for each, verdict in zip(VARIANTS, verdicts, strict=True)
        if verdict != each.chromium
    ] == []
