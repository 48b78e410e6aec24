"""The runner of web-platform-tests, on pages of ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tests.support.wpt
from tests.support.wpt.__main__ import main

PAGES = Path(tests.support.wpt.__file__).parent / "example"


@pytest.mark.needs("node")
def test_web_platform_tests_run_against_handfast_and_their_failures_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "failures.json"

    status = main([str(PAGES), "--json", str(file), "--slowness", "4"])

    shown = capsys.readouterr().out
    told = json.loads(file.read_text())
    page = "webrtc/connection.https.html?one"
    assert status == 1
    assert told["failures"][page]["subtests"] == {
        "a failure is a failure": "FAIL Error: expected 2 but got 1"
    }, told
    assert told["failures"].keys() == {page}
    assert told["excluded"] == {"webrtc-stats/player.html": "needs a video element that plays"}
    assert "1 pages     4 of 5" in shown, shown
