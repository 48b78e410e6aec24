"""Calls with Janus: each test has a Janus of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.peers.janus import JanusSession, janus_server, janus_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def janus(tmp_path: Path) -> AsyncIterator[JanusSession]:
    """A session at a Janus that runs."""
    async with janus_server(tmp_path) as url, janus_session(url) as session:
        yield session
