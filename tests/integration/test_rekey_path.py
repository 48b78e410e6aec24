"""RFC 8842 section 6: a new association begins on fresh candidates, and alone is there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from peer.tracing.events import (
    AssociationDecided,
    Datagram,
    DatagramKind,
    Direction,
    KeysSwitched,
    RekeyEnded,
    TraceEvent,
    Verdict,
)
from tests.support.links.packet_load import add_load, flowing
from tests.support.negotiation.connections import loopback, within
from tests.support.negotiation.negotiating import call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer import PeerConnection

RATE = 200


class EveryDatagram:
    """Trace sink that keeps every event, and every datagram."""

    wants_data = True

    def __init__(self) -> None:
        self.events: list[TraceEvent] = []

    def __call__(self, event: TraceEvent) -> None:
        self.events.append(event)


def under_the_keys(
    events: Iterable[TraceEvent],
) -> tuple[set[str], set[str], set[str]]:
    """Local addresses of what we sent: the handshake, and media under old keys and new ones."""
    handshake, old, new = set[str](), set[str](), set[str]()
    media = old
    for event in events:
        match event:
            case KeysSwitched(direction=Direction.OUT):
                media = new
            case Datagram(direction=Direction.OUT, kind=DatagramKind.SRTP, local=address):
                media.add(address)
            case Datagram(direction=Direction.OUT, kind=DatagramKind.DTLS, detail=detail) if (
                "Hello" in detail or "Certificate" in detail or "Finished" in detail
            ):
                handshake.add(event.local)
            case _:
                pass
    return handshake, old, new


@pytest.mark.conformance("6.8-rekey")
@pytest.mark.parametrize("keep_path", [True, False])
@pytest.mark.parametrize("first", [True, False])
async def test_new_keys_and_old_ones_share_no_path_unless_it_was_to_be_kept(
    keep_path: bool, first: bool
) -> None:
    sinks = EveryDatagram(), EveryDatagram()
    configurations = [loopback(trace=sink) for sink in sinks]
    async with call(*configurations) as ends:
        await add_load(*ends, per_second=RATE)
        await _flowing_both_ways(*ends)
        for sink in sinks:
            sink.events.clear()
        asker = ends[0 if first else 1]
        result = await within(asker.rekey(keep_path=keep_path))
        assert (result.changed, result.ice_restarted) == (True, not keep_path)
        await _flowing_both_ways(*ends)
        for sink in sinks:
            handshake, old, new = under_the_keys(sink.events)
            assert handshake == new
            assert len(new) == 1
            # Whatever was sent under the old keys went by the old path, and by that alone.
            assert (old == new) is keep_path
            assert keep_path or old.isdisjoint(new)


async def _flowing_both_ways(left: PeerConnection, right: PeerConnection) -> None:
    await asyncio.gather(flowing(left, right, 30), flowing(right, left, 30))


@pytest.mark.parametrize(
    ("keep_path", "words"),
    [
        (False, "on the fresh candidates of an ICE restart (RFC 8842 section 6)"),
        (True, "on the path in use, as ICE does not restart"),
    ],
)
async def test_trace_says_on_which_path_the_keys_were_changed_and_why(
    keep_path: bool, words: str
) -> None:
    sinks = EveryDatagram(), EveryDatagram()
    async with call(*(loopback(trace=sink) for sink in sinks)) as (left, _):
        assert (await within(left.rekey(keep_path=keep_path))).changed
    for sink in sinks:
        *_, decided = (
            event
            for event in sink.events
            if isinstance(event, AssociationDecided) and event.section == "RFC 8842 section 3.1"
        )
        assert decided.verdict is Verdict.STARTED
        assert decided.reason.endswith(words)
        (ended,) = (event for event in sink.events if isinstance(event, RekeyEnded))
        assert ended.ice_restarted is not keep_path
