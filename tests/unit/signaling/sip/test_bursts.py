"""INVITEs that come in one burst leave the application its turns: it takes each of them."""

from __future__ import annotations

import asyncio
from collections import Counter

from sipmessage import Response

from signaling import sip
from signaling.sip.framing import StreamFramer
from signaling.sip.parsing import parse_message
from tests.support.sip.octets import request
from tests.support.sip.servers import ServedConnection, stream_server

CALLS = 50


async def final_responses(there: ServedConnection) -> Counter[int]:
    """Count status codes until each call has a final response."""
    framer, codes = StreamFramer(), Counter[int]()
    while codes.total() < CALLS:
        for frame in framer.receive(await there.next()):
            assert isinstance(frame, bytes)
            message = parse_message(frame)
            if isinstance(message, Response) and message.code >= 200:
                codes[message.code] += 1
    return codes


async def test_each_call_of_a_burst_is_taken_by_the_application() -> None:
    async with (
        stream_server() as server,
        sip.register(
            f"sip:127.0.0.1:{server.port};transport=tcp", "sip:ben@example.org", expires=None
        ) as phone,
    ):

        async def refuse_all() -> None:
            async for call in phone.calls():
                call.reject(603)

        refusing = asyncio.create_task(refuse_all())
        there = await server.accept()
        burst = b"".join(
            request(
                "Content-Length: 0",
                Via=f"SIP/2.0/TCP a.example.org;branch=z9hG4bK-{number}",
                Call_ID=f"call-{number}",
            )
            for number in range(CALLS)
        )
        await there.send(burst)
        assert await final_responses(there) == {603: CALLS}
        refusing.cancel()
