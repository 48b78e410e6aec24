"""A thousand datagrams of each kind, of a stranger's or under the peer's address, at any time.

RFC 5763 section 6.7.1: from an address that has passed no check nothing is heard at all. Under the
peer's own address somebody who cannot read or hold back its datagrams changes nothing either.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import pytest

from tests.support.connection_media import ToneTrack, hears
from tests.support.connections import both_connected, expected, opened, says, within
from tests.support.injection import ELSEWHERE, Kind, arrive, datagrams
from tests.support.wire import Captured, Side, pass_on
from tests.support.wired import Call, call

if TYPE_CHECKING:
    from collections.abc import Iterable

COUNT = 1000


class Origin(StrEnum):
    ELSEWHERE = "elsewhere"
    PEER = "the peer's address"


class Moment(StrEnum):
    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


class Injector:
    """Sends its share into both ends, again and again until it has no more."""

    def __init__(self, at: Call, kind: Kind, origin: Origin) -> None:
        self._at = at
        self._origin = origin
        self._left = {side: datagrams(kind, COUNT, seed) for seed, side in enumerate(Side)}

    @property
    def empty(self) -> bool:
        return not any(self._left.values())

    def inject(self, count: int) -> None:
        for side, left in self._left.items():
            face = self._at.wire.paths[0].faces[side].get_extra_info("sockname")
            source = face if self._origin is Origin.PEER else ELSEWHERE
            for datagram in left[:count]:
                arrive(self._at.end(side), datagram, source)
            del left[:count]


@pytest.mark.conformance("6.7.1-source")
@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("origin", list(Origin))
@pytest.mark.parametrize("kind", list(Kind))
async def test_the_call_is_set_up_and_stays_up(kind: Kind, origin: Origin, moment: Moment) -> None:
    async with call() as at:
        coming = expected(at.answerer, "datachannel")
        sound = expected(at.answerer, "track")
        at.offerer.addTrack(ToneTrack(600))
        channel = at.offerer.createDataChannel("x")
        await at.offer()
        answer = await at.make_answer()
        injector = Injector(at, kind, origin)
        shaking = False

        def fate(each: Captured) -> Iterable[bytes]:
            if not each.is_dtls:
                return pass_on(each)
            if moment is Moment.BEFORE and not shaking:
                return ()
            if moment is Moment.DURING:
                injector.inject(COUNT // 8)
            return pass_on(each)

        at.wire.fate = fate
        if moment is Moment.BEFORE:
            # The path is up, and the first ClientHello is held back.
            await at.wire.until(lambda: any(each.is_dtls for each in at.wire.of()))
            injector.inject(COUNT)
            shaking = True
        await at.offerer.setRemoteDescription(answer)
        await both_connected(at.offerer, at.answerer)
        await opened(channel)
        other = (await within(coming)).channel
        injector.inject(COUNT)

        assert injector.empty
        await says(channel, "still here", other)
        await says(other, "so am I", channel)
        await hears((await within(sound)).track, 600)
        for pc in (at.offerer, at.answerer):
            assert pc.connectionState == "connected"
            assert pc.security.verified
