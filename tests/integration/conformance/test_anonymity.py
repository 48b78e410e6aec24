"""RFC 5763 section 6.1: nothing on the wire links two connections of one program.

What two connections of one process have in common, a connection of another process has as well:
so it says nothing of who made it. Times of the day, addresses and ports aside.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys

import pytest

from tests.support.captures.captured_call import call
from tests.support.captures.wire import Side
from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connections import opened
from tests.support.network.process_end import kill
from tests.support.project.source import ROOT

#: Octets of a piece that is compared, and how many different ones it has.
_PIECE, _VARIETY = 16, 11
#: Connections of each program: what stands beside the length of a signature, which chance chooses
#: of three, is not the same in all of one program and in none of the other.
_CONNECTIONS = 8


async def what_is_seen() -> tuple[list[str], list[bytes]]:
    """The words of an offer, and what its end sends until data and sound flow, but for SRTP."""
    async with call() as at:
        at.offerer.addTrack(ToneTrack(500))
        channel = at.offerer.createDataChannel("data")
        await at.connect()
        await opened(channel)
        assert at.offerer.localDescription is not None
        words = re.split(r"[\s:=;,/]+", at.offerer.localDescription.sdp)
        sent = [each.data for each in at.wire.of(Side.OFFERER) if not each.is_srtp]
        return words, sent


def pieces(datagrams: list[bytes]) -> set[bytes]:
    """All pieces of datagrams, of so many octets."""
    return {
        data[place : place + _PIECE]
        for data in datagrams
        for place in range(len(data) - _PIECE + 1)
        if len(set(data[place : place + _PIECE])) >= _VARIETY
    }


async def seen_of_several() -> list[tuple[list[str], list[bytes]]]:
    """The same of several connections, one after the other."""
    return [await what_is_seen() for _ in range(_CONNECTIONS)]


async def of_another_process() -> tuple[set[str], set[bytes]]:
    """All words and pieces of connections of a program that was started anew."""
    program = (
        "import asyncio, json\n"
        "from tests.integration.conformance.test_anonymity import seen_of_several\n"
        "seen = asyncio.run(seen_of_several())\n"
        "print(json.dumps([[words, [each.hex() for each in sent]] for words, sent in seen]))\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            kill(process)
    words: set[str] = set()
    found: set[bytes] = set()
    for said, sent in json.loads(output):
        words.update(said)
        found |= pieces([bytes.fromhex(each) for each in sent])
    return words, found


@pytest.mark.conformance("6.1-anonymous")
async def test_connections_have_no_more_in_common_than_with_those_of_another_program() -> None:
    ours = await seen_of_several()
    words, found = await of_another_process()
    # Short words are port numbers and payload types; long ones are ids.
    shared = set.intersection(*(set(said) for said, _ in ours)) - words
    assert {word for word in shared if len(word) > 5} == set()
    assert set.intersection(*(pieces(sent) for _, sent in ours)) - found == set()
