"""Our limits on SCTP, and aiortc without them at the other end of a lossy path, in virtual time."""

from __future__ import annotations

import asyncio
import random

import pytest
from aiortc import RTCDataChannel, RTCDataChannelParameters, RTCSctpTransport
from aiortc.rtcsctptransport import RTCSctpCapabilities

from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.data_ends import End
from tests.support.links.media_link import LinkEnd, media_link

COUNT = 150
LOSS = 0.05


class RoughPath:
    """Loses and reorders packets of both directions while it is rough."""

    def __init__(self, *links: LinkEnd) -> None:
        self.loss = 0.0
        self._source = random.Random(3)
        for link in links:
            link.wire.keep = lambda _: self._source.random() >= self.loss
            link.wire.delay = lambda _: 0.03 if self._source.random() < self.loss else 0.01


@pytest.mark.parametrize("size", [10, 4000])
@pytest.mark.parametrize(
    "options",
    [{}, {"maxRetransmits": 0}, {"maxRetransmits": 0, "ordered": False}, {"maxPacketLifeTime": 50}],
    ids=str,
)
@in_virtual_time
async def test_messages_to_and_from_aiortc_come_once_and_as_they_were_agreed(
    options: dict[str, int], size: int
) -> None:
    link, there = media_link()
    left, path = End(link), RoughPath(link, there)
    theirs = RTCSctpTransport(there.aiortc_dtls)
    tasks = set()

    def receive(packet: bytes) -> None:
        task = asyncio.ensure_future(theirs._handle_data(packet))  # noqa: SLF001 - aiortc's own door
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    there.on_data = receive
    left.start()
    await theirs.start(RTCSctpCapabilities(262144), 5000)
    await asyncio.sleep(1)
    parameters = RTCDataChannelParameters(label="chat", **options)  # type: ignore[arg-type] # a test's
    channel = RTCDataChannel(theirs, parameters)
    ours = await left.channels.get()
    got: tuple[list[str | bytes], list[str | bytes]] = ([], [])
    ours.on("message", got[0].append)
    channel.on("message", got[1].append)
    await asyncio.sleep(1)

    path.loss = LOSS
    for number in range(COUNT):
        channel.send(f"{number:0{size}}")
        ours.send(f"{number:0{size}}")
        await asyncio.sleep(0.02)
    path.loss = 0.0
    await asyncio.sleep(60)
    # What was given up holds nothing up.
    channel.send("end")
    ours.send("end")
    await asyncio.sleep(5)

    for messages in got:
        *numbered, last = messages
        assert last == "end"
        assert len(numbered) == len(set(numbered)) > COUNT // 2
        if options.get("ordered", True):
            assert numbered == sorted(numbered)
        if not options:
            assert len(numbered) == COUNT
    assert (left.transport.failed, left.transport.refused_chunks) == (0, 0)
    await left.transport.close()
    await theirs.stop()
