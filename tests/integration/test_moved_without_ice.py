"""A peer without ICE whose description has another address: a handshake there moves the call."""

from __future__ import annotations

from peer import AnswerRole
from tests.support.captures.dtls_reader import CLIENT_HELLO, flow
from tests.support.captures.latching_call import (
    call_without_ice,
    connect,
    destination,
    latching,
)
from tests.support.captures.wire import Path, Side
from tests.support.negotiation.connections import expected, local, opened, says, within
from tests.support.negotiation.without_ice import without_ice


async def test_client_begins_anew_at_the_address_that_a_later_description_has() -> None:
    async with call_without_ice(answer_role=AnswerRole.PASSIVE) as at:
        channel = at.offerer.createDataChannel("x")
        coming = expected(at.answerer, "datachannel")
        await connect(at)
        await opened(channel)
        other = (await within(coming)).channel
        (old,) = at.wire.paths
        new = Path(at.wire, 1, 0)
        at.wire.paths.append(new)
        await new.open()
        new.homes.update(old.homes)
        rekeyed = latching(at.offerer).remote

        await at.offerer.setLocalDescription()
        host, port = old.faces[Side.ANSWERER].get_extra_info("sockname")
        offer = without_ice(local(at.offerer), address=host, port=port)
        await at.answerer.setRemoteDescription(offer)
        await at.answerer.setLocalDescription()
        host, port = new.faces[Side.OFFERER].get_extra_info("sockname")
        answer = without_ice(local(at.answerer), address=host, port=port)
        assert destination(answer) != rekeyed
        await at.offerer.setRemoteDescription(answer)

        await at.wire.until(lambda: latching(at.offerer).remote == (host, port))
        assert flow(at.wire.of(path=1))[0] == (Side.OFFERER, CLIENT_HELLO)
        await says(channel, "on the new path", other)
        await says(other, "heard there", channel)
        assert at.offerer.connectionState == at.answerer.connectionState == "connected"
        assert at.offerer.security.verified


async def test_call_on_hold_by_address_sends_nothing_and_resumes() -> None:
    async with call_without_ice() as at:
        channel = at.offerer.createDataChannel("x")
        coming = expected(at.answerer, "datachannel")
        await connect(at)
        await opened(channel)
        other = (await within(coming)).channel
        arriving = expected(other, "message")
        for address in ("0.0.0.0", "127.0.0.1"):
            await at.answerer.setLocalDescription()
            (path,) = at.wire.paths
            port = path.faces[Side.OFFERER].get_extra_info("sockname")[1]
            offer = without_ice(local(at.answerer), address=address, port=port)
            await at.offerer.setRemoteDescription(offer)
            await at.offerer.setLocalDescription()
            host, port = path.faces[Side.ANSWERER].get_extra_info("sockname")
            answer = without_ice(local(at.offerer), address=host, port=port)
            await at.answerer.setRemoteDescription(answer)
            if address == "0.0.0.0":
                assert latching(at.offerer).pair is not None
                assert not latching(at.offerer).sends
                channel.send("waits for the end of the hold")
        assert latching(at.offerer).sends
        assert await within(arriving) == "waits for the end of the hold"
        await says(other, "resumed", channel)
