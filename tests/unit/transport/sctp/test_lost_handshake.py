"""SCTP's handshake over a path that loses its packets, in virtual time."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import TYPE_CHECKING

import pytest
from aiortc.rtcsctptransport import CookieEchoChunk, InitAckChunk, InitChunk, parse_packet

from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.data_ends import End, open_pair
from tests.support.links.media_link import media_link

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds to an open channel (ours): each loss costs one time-out, 0.5 s at first.
SOON = 2.0


def loses_first(*kinds: type[object]) -> Callable[[bytes], bool]:
    """Keep all packets but the first with each kind of chunk."""
    lost: set[type[object]] = set()

    def keep(packet: bytes) -> bool:
        kind = type(parse_packet(packet)[3][0])
        if kind in kinds and kind not in lost:
            lost.add(kind)
            return False
        return True

    return keep


def keeps_all(_: bytes) -> bool:
    return True


LOST = (InitChunk, InitAckChunk, CookieEchoChunk)


@pytest.mark.parametrize(("ours", "theirs"), list(product((None, *LOST), repeat=2)))
def test_channel_opens_soon_whichever_packets_of_the_handshake_are_lost(
    ours: type[object] | None, theirs: type[object] | None
) -> None:
    @in_virtual_time
    async def run() -> None:
        links = media_link()
        for link, lost in zip(links, (ours, theirs), strict=True):
            link.wire.keep = keeps_all if lost is None else loses_first(lost)
            link.wire.delay = lambda _: 0.025
        left, right = (End(link) for link in links)
        async with asyncio.timeout(SOON):
            await open_pair(left, right)
        for end in (left, right):
            await end.transport.close()

    run()
