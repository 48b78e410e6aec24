"""pymediasoup 1.5 on `peer.compat`: a device that produces sound and pictures."""

from __future__ import annotations

import pytest

from tests.support.dependants.environments import DEPENDANTS
from tests.support.dependants.program import PROGRAMS, STARTING, DependantProgram

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


async def test_pymediasoup_produces_sound_and_pictures() -> None:
    command = [str(PROGRAMS / "pymediasoup_producer.py")]
    async with DependantProgram(DEPENDANTS["pymediasoup"], command) as program:
        assert await program.told("loaded", timeout=STARTING) == [True, True]
        assert await program.told("produces") == "audio"
        assert await program.told("server") == "connected"
        received = {await program.told("received") for _ in range(2)}
        assert received == {"audio", "video"}
