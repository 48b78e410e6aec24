"""Owns what holds for every test: the tools it needs, and a loop with nothing to complain of."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project.conformance import ConformancePlugin
from tests.support.project.needs import NeedsPlugin

ROOT = Path(__file__).parent.parent
#: Characters of one parameter in the name of a test.
_LONGEST_ID = 80


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts what runs in its background with SIGINT ignored, and programs that tests start
    # and end by it would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(NeedsPlugin(config))
    config.pluginmanager.register(ConformancePlugin())


def pytest_make_parametrize_id(val: object) -> str | None:
    """Shorten what would fill a log, and name octets by their number.

    Tests of limits are given hundreds of kilobytes; and octets that are made by chance, as masks
    are, would name a test differently in each process of a run.
    """
    if isinstance(val, bytes):
        return f"{len(val)} octets"
    if isinstance(val, str) and len(val) > _LONGEST_ID:
        return f"{val[:_LONGEST_ID]!r} and so on, {len(val)} in all"
    return None


@pytest.fixture
def artifacts() -> Path:
    """A folder that outlives the run, for screenshots and measurements."""
    folder = ROOT / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder


class _Complaints(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))


@pytest.fixture(autouse=True)
def loop_complaints() -> Iterator[list[str]]:
    """What asyncio logged as a warning or worse; a test that leaves some of it here fails.

    A test that provokes a complaint takes this fixture, looks at the list and clears it.
    """
    handler = _Complaints()
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    yield handler.messages
    logger.removeHandler(handler)
    assert not handler.messages, f"left on the event loop: {handler.messages}"
