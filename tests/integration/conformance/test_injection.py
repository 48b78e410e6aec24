"""A thousand datagrams of each kind, of a stranger's or under the peer's address, at any time.

RFC 5763 section 6.7.1: from an address that has passed no check nothing is heard at all. Under the
peer's own address somebody who cannot read or hold back its datagrams changes nothing either.
`benchmarks/injection.py` does the same to aiortc.
"""

from __future__ import annotations

import pytest

from tests.support.captures.captured_call import call
from tests.support.captures.injection import Injector, Kind, Moment, Origin, sink
from tests.support.captures.wire import Side
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import both_connected, expected, opened, says, within

COUNT = 1000


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
        sinks = {side: sink(at.end(side)) for side in Side}
        injector = Injector(at.wire, sinks, kind, origin, COUNT)
        await injector.attend(moment)
        await at.offerer.setRemoteDescription(answer)
        await both_connected(at.offerer, at.answerer)
        await opened(channel)
        other = (await within(coming)).channel
        injector.inject(COUNT)

        assert injector.left == 0
        await says(channel, "still here", other)
        await says(other, "so am I", channel)
        await hears((await within(sound)).track, 600)
        for pc in (at.offerer, at.answerer):
            assert pc.connectionState == "connected"
            assert pc.security.verified
