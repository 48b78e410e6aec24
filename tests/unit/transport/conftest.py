"""Fixtures of the transport tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.links.data_ends import End
from tests.support.links.media_link import media_link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def ends() -> AsyncIterator[tuple[End, End]]:
    """Both ends of a link for data, not started."""
    left, right = (End(link) for link in media_link())
    yield left, right
    await left.transport.close()
    await right.transport.close()
