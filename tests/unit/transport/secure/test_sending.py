"""Selection of the keys under which packets are sent during a rekey."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from peer.states import DtlsTransportState
from peer.transport.dtls.counters import Counters
from peer.transport.secure.sending import MAX_QUEUED, SendKeySelector
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.links.secure import rtcp, rtp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.transport.dtls.association import DtlsAssociation


@dataclass
class Keys:
    """Sending half of an association, which records what it sends."""

    state: DtlsTransportState = DtlsTransportState.CONNECTED
    sent: list[int] = field(default_factory=list)
    other: list[bytes] = field(default_factory=list)

    def send_rtp(self, packet: bytes) -> bool:
        self.sent.append(int.from_bytes(packet[2:4]))
        return True

    def send_rtp_all(self, packets: Sequence[bytes]) -> int:
        return sum(map(self.send_rtp, packets))

    def send_rtcp(self, packet: bytes) -> bool:
        self.other.append(packet)
        return True

    send_data = send_rtcp


def switched(*keys: Keys) -> SendKeySelector:
    """Make a selector that has switched from each association to the next."""
    outgoing = SendKeySelector(Counters())
    outgoing.use(cast("DtlsAssociation", keys[0]))
    for old, new in itertools.pairwise(keys):
        outgoing.switch(cast("DtlsAssociation", old), cast("DtlsAssociation", new))
    return outgoing


def send(outgoing: SendKeySelector, *numbers: int, ssrc: int = 1) -> None:
    for number in numbers:
        outgoing.sender.send_rtp(rtp(number % (1 << 16), ssrc=ssrc))


@in_virtual_time
async def test_stream_far_from_its_wrap_switches_keys_at_once() -> None:
    old, new = Keys(), Keys()

    send(switched(old, new), 65_023, 65_024)

    assert (old.sent, new.sent) == ([], [65_023, 65_024])


@in_virtual_time
async def test_stream_about_to_wrap_switches_keys_after_the_wrap() -> None:
    old, new = Keys(), Keys()

    send(switched(old, new), 65_024, 65_535, 65_536, 65_537)

    assert (old.sent, new.sent) == ([65_024, 65_535], [0, 1])


@in_virtual_time
async def test_each_stream_switches_keys_by_itself() -> None:
    old, new = Keys(), Keys()
    outgoing = switched(old, new)

    send(outgoing, 65_500, ssrc=1)
    send(outgoing, 7, ssrc=2)

    assert (old.sent, new.sent) == ([65_500], [7])


@in_virtual_time
async def test_retransmission_from_before_the_switch_keeps_the_old_keys() -> None:
    old, new = Keys(), Keys()

    send(switched(old, new), 0, 65_530, 1, 65_531)

    assert (old.sent, new.sent) == ([65_530, 65_531], [0, 1])


@in_virtual_time
async def test_stream_that_switched_keys_wraps_under_the_new_keys() -> None:
    old, new = Keys(), Keys()

    send(switched(old, new), 65_000, 65_300, 65_536)

    assert (old.sent, new.sent) == ([], [65_000, 65_300, 0])


@in_virtual_time
async def test_stream_about_to_wrap_keeps_old_keys_through_another_switch() -> None:
    first, second, third = Keys(), Keys(), Keys()
    outgoing = switched(first, second)
    send(outgoing, 65_500)

    outgoing.switch(cast("DtlsAssociation", second), cast("DtlsAssociation", third))
    send(outgoing, 65_501, 65_536)

    assert (first.sent, second.sent, third.sent) == ([65_500, 65_501], [], [0])


@pytest.mark.parametrize("state", [DtlsTransportState.CLOSED, DtlsTransportState.FAILED])
def test_keys_of_an_ended_association_are_not_used(state: DtlsTransportState) -> None:
    @in_virtual_time
    async def run() -> None:
        old, new = Keys(), Keys()
        outgoing = switched(old, new)
        send(outgoing, 65_500)
        old.state = state

        send(outgoing, 65_501)

        assert (old.sent, new.sent) == ([65_500], [65_501])

    run()


@in_virtual_time
async def test_send_rtp_all_uses_the_keys_of_each_stream() -> None:
    old, new = Keys(), Keys()
    outgoing = switched(old, new)

    assert outgoing.sender.send_rtp_all([rtp(65_534), rtp(65_535), rtp(0), rtp(1)]) == 4

    assert (old.sent, new.sent) == ([65_534, 65_535], [0, 1])


@in_virtual_time
async def test_send_rtp_all_queues_in_order_up_to_the_bound() -> None:
    counters, keys = Counters(), Keys()
    outgoing = SendKeySelector(counters)
    assert outgoing.sender.send_rtp_all([rtp(1), rtp(2)]) == 0
    assert counters.dropped_unsent == 2
    outgoing.queue()

    packets = [rtp(number) for number in range(MAX_QUEUED + 3)]
    assert outgoing.sender.send_rtp_all(packets) == MAX_QUEUED
    outgoing.use(cast("DtlsAssociation", keys))

    assert keys.sent == list(range(MAX_QUEUED))
    assert counters.dropped_unsent == 5


@in_virtual_time
async def test_rtcp_and_data_switch_keys_at_once() -> None:
    old, new = Keys(), Keys()
    outgoing = switched(old, new)

    outgoing.sender.send_rtcp(rtcp())
    outgoing.sender.send_data(b"data")

    assert (old.other, new.other) == ([], [rtcp(), b"data"])


@in_virtual_time
async def test_wrap_safe_sender_is_removed_after_a_minute() -> None:
    old, new = Keys(), Keys()
    outgoing = switched(old, new)

    await asyncio.sleep(59)
    assert outgoing.sender is not new
    await asyncio.sleep(2)
    assert outgoing.sender is new


@in_virtual_time
async def test_switch_without_old_keys_needs_no_wrap_safe_sender() -> None:
    old, new = Keys(state=DtlsTransportState.CLOSED), Keys()

    assert switched(old, new).sender is new
