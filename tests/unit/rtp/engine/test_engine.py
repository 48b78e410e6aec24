"""Packets of one transport, hostile ones included, through the RTP engine."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from peer.rtp.congestion import Share
from peer.rtp.engine.engine import RtpEngine
from peer.rtp.engine.router import SSRC_LIMIT
from peer.rtp.packet import ExtensionIds, RtpPacket, abs_send_time, write_elements
from peer.rtp.rtcp import (
    FullIntraRequest,
    Goodbye,
    Nack,
    PictureLossIndication,
    ReceiverEstimatedMaximumBitrate,
    ReceiverReport,
    ReceptionReport,
    SenderReport,
    TransportFeedback,
    parse,
    write,
)
from peer.rtp_parameters import Feedback, MediaKind
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.rtp.parameters import receiving, sending

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from peer.rtp.rtcp import RtcpPacket

VIDEO = MediaKind.VIDEO
PARAMETERS = receiving(VIDEO, "VP8")
VP8 = PARAMETERS.codecs[0].payload_type
IDS = ExtensionIds.of(PARAMETERS.extensions)


@dataclass(eq=False)
class Receiver:
    packets: list[RtpPacket] = field(default_factory=list)
    rtcp: list[RtcpPacket] = field(default_factory=list)
    due: tuple[ReceptionReport, ...] = ()

    def on_rtp(self, packet: RtpPacket, elements: Mapping[int, bytes], arrival: float) -> None:
        self.packets.append(packet)

    def on_rtcp(self, packet: RtcpPacket, arrival: float) -> None:
        self.rtcp.append(packet)

    def reports(self, now: float) -> tuple[ReceptionReport, ...]:
        return self.due


@dataclass(eq=False)
class Sender:
    rtcp: list[RtcpPacket] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)

    def on_rtcp(self, packet: RtcpPacket, arrival: float) -> None:
        self.rtcp.append(packet)

    def on_target(self, bps: int) -> None:
        self.targets.append(bps)

    def on_payload_limit(self, octets: int) -> None:
        self.limits.append(octets)


class Bench:
    """An engine, and what it sent."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self.now = 1000.0
        self.sent: list[bytes] = []
        self.engine = RtpEngine(self._take, self._take, clock or (lambda: self.now))
        self.receiver = Receiver()
        self.sender = Sender()
        self.engine.add_sender(self.sender, sending(VIDEO, "VP8"), (11, 12))

    def _take(self, packet: bytes) -> bool:
        self.sent.append(packet)
        return True

    def rtp(self, *items: tuple[int | None, bytes], ssrc: int = 7, payload_type: int = VP8) -> None:
        profile, extension = write_elements([(i, v) for i, v in items if i is not None])
        packet = RtpPacket(
            payload_type=payload_type,
            sequence_number=1,
            timestamp=2,
            ssrc=ssrc,
            payload=b"\x10\x00",
            profile=profile,
            extension=extension,
        )
        self.engine.on_rtp(packet.write(), self.engine.clock())

    def rtcp(self, *packets: RtcpPacket) -> None:
        self.engine.on_rtcp(write(packets))

    @property
    def told(self) -> list[RtcpPacket]:
        return [packet for datagram in self.sent for packet in parse(datagram)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@in_virtual_time
async def test_route_of_ssrc_follows_its_mid_until_next_one() -> None:
    bench, other = Bench(), Receiver()
    bench.engine.add_receiver(bench.receiver, PARAMETERS)
    bench.engine.add_receiver(other, replace(PARAMETERS, mid="1"))
    for mid in (b"0", b"1", None, b"0", b"0", None, b"no such"):
        bench.rtp(*[] if mid is None else [(IDS.mid, mid)])
    assert (len(bench.receiver.packets), len(other.packets)) == (4, 2)
    assert bench.engine.counters.unknown == 1
    bench.rtp()
    assert len(bench.receiver.packets) == 5


@in_virtual_time
async def test_route_of_ssrc_ends_with_its_receiver() -> None:
    bench, other = Bench(), Receiver()
    bench.engine.add_receiver(bench.receiver, PARAMETERS)
    bench.rtp((IDS.mid, b"0"))
    bench.engine.remove_receiver(bench.receiver)
    bench.rtp((IDS.mid, b"0"))
    assert bench.engine.counters.unknown == 1
    bench.engine.add_receiver(other, PARAMETERS)
    bench.rtp((IDS.mid, b"0"))
    assert (len(bench.receiver.packets), len(other.packets)) == (1, 1)


@in_virtual_time
async def test_route_of_ssrc_holds_for_one_payload_type() -> None:
    bench = Bench()
    bench.engine.add_receiver(bench.receiver, PARAMETERS)
    for payload_type in (VP8, 127, VP8):
        bench.rtp((IDS.mid, b"0"), payload_type=payload_type)
    assert (len(bench.receiver.packets), bench.engine.counters.unknown) == (2, 1)


@in_virtual_time
async def test_ssrc_in_use_is_not_forgotten_for_many_others() -> None:
    bench = Bench()
    bench.engine.add_receiver(bench.receiver, PARAMETERS)
    bench.engine.add_receiver(Receiver(), replace(PARAMETERS, mid="1"))
    bench.rtp((IDS.mid, b"0"))
    for ssrc in range(1000, 1000 + 2 * SSRC_LIMIT):
        bench.rtp((IDS.mid, b"1"), ssrc=ssrc)
        bench.rtp()
    assert len(bench.receiver.packets) == 1 + 2 * SSRC_LIMIT
    bench.rtcp(Goodbye((7,)))
    assert len(bench.receiver.rtcp) == 1


@in_virtual_time
async def test_remembered_routes_are_bounded() -> None:
    bench = Bench()
    bench.engine.add_receiver(bench.receiver, PARAMETERS)
    for ssrc in range(1000):
        bench.rtp((IDS.mid, b"0"), ssrc=ssrc)
        assert len(bench.engine._routes) <= 64  # noqa: SLF001 - what is kept inside is counted
    assert len(bench.receiver.packets) == 1000


@in_virtual_time
async def test_a_packet_of_a_known_mid_reaches_its_receiver() -> None:
    bench = Bench()
    bench.engine.add_receiver(bench.receiver, PARAMETERS)
    bench.rtp((IDS.mid, b"0"))
    assert [packet.ssrc for packet in bench.receiver.packets] == [7]
    assert bench.engine.counters.rtp == 1


@in_virtual_time
async def test_a_packet_of_an_unknown_mid_is_counted_and_dropped() -> None:
    bench = Bench()
    bench.engine.add_receiver(bench.receiver, PARAMETERS)
    bench.rtp((IDS.mid, b"9"))
    bench.rtp((IDS.mid, b"\xff"))
    assert not bench.receiver.packets
    assert (bench.engine.counters.unknown, bench.engine.counters.malformed) == (1, 1)


@in_virtual_time
async def test_a_removed_receiver_gets_nothing() -> None:
    bench = Bench()
    bench.engine.add_receiver(bench.receiver, PARAMETERS)
    bench.engine.remove_receiver(bench.receiver)
    bench.engine.remove_receiver(bench.receiver)
    bench.rtp((IDS.mid, b"0"))
    assert not bench.receiver.packets


@in_virtual_time
async def test_malformed_packets_are_counted_and_never_raise() -> None:
    bench = Bench()
    bench.engine.add_receiver(bench.receiver, PARAMETERS)
    noise = random.Random(5)
    for _ in range(2000):
        packet = bytes([0x80 | noise.randrange(64)]) + noise.randbytes(noise.randrange(60))
        bench.engine.on_rtp(packet, bench.now)
        bench.engine.on_rtcp(packet)
    counters = bench.engine.counters
    assert counters.malformed > 0
    assert counters.rtp + counters.unknown + counters.malformed >= 2000


def test_feedback_about_our_streams_reaches_their_sender(bench: Bench) -> None:
    about: list[RtcpPacket] = [
        Nack(1, 11, (5,)),
        PictureLossIndication(1, 11),
        FullIntraRequest(1, ((11, 3),)),
        ReceiverReport(1, (ReceptionReport(12, 0, 0, 9, 0),)),
    ]
    bench.rtcp(*about, PictureLossIndication(1, 99))
    assert bench.sender.rtcp == about
    assert bench.engine.counters.rtcp == 4


@in_virtual_time
async def test_reports_of_the_peer_reach_the_receiver_of_the_stream() -> None:
    bench = Bench()
    bench.engine.add_receiver(bench.receiver, PARAMETERS)
    bench.rtp((IDS.mid, b"0"))
    report = SenderReport(7, 1 << 32, 5, 6, 7)
    bench.rtcp(report, Goodbye((7,)), SenderReport(8, 0, 0, 0, 0))
    assert bench.receiver.rtcp == [report, Goodbye((7,))]


def test_remb_sets_target_of_sender(bench: Bench) -> None:
    bench.engine.set_share(bench.sender, Share())
    before = bench.sender.targets[-1]
    bench.rtcp(ReceiverEstimatedMaximumBitrate(1, 100_000, (11,)))
    assert before > bench.sender.targets[-1] == 100_000
    bench.engine.set_share(bench.sender, None)
    bench.rtcp(ReceiverEstimatedMaximumBitrate(1, 90_000, (11,)))
    assert bench.sender.targets[-1] == 100_000


@in_virtual_time
async def test_receiver_reports_are_sent_each_second() -> None:
    bench = Bench(asyncio.get_running_loop().time)
    engine, sent = bench.engine, bench.sent
    receiver = Receiver(due=tuple(ReceptionReport(n, 0, 0, 0, 0) for n in range(40)))
    engine.add_receiver(receiver, PARAMETERS)
    await asyncio.sleep(10)
    engine.remove_receiver(receiver)
    counted = len(sent)
    await asyncio.sleep(5)
    assert len(sent) == counted
    # Two packets, as one has room for 31 reports, 7 to 20 times.
    assert 12 <= counted <= 42
    reports = [packet for packet in parse(sent[0]) if isinstance(packet, ReceiverReport)]
    assert len(reports[0].reports) == 31


@in_virtual_time
async def test_transport_wide_feedback_is_sent_where_agreed() -> None:
    loop = asyncio.get_running_loop()
    bench = Bench(loop.time)
    bench.engine.add_receiver(bench.receiver, PARAMETERS)
    for number in range(3):
        bench.rtp((IDS.mid, b"0"), (IDS.transport_cc, bytes([1, number])))
    await asyncio.sleep(0.2)
    (told,) = [packet for packet in bench.told if isinstance(packet, TransportFeedback)]
    assert told.base_sequence == 256
    assert len(told.arrivals) == 3
    bench.engine.close()


@in_virtual_time
async def test_remb_is_sent_only_without_transport_wide_feedback() -> None:
    bench = Bench()
    remb = tuple(
        replace(codec, feedback=tuple(f for f in codec.feedback if f != Feedback("transport-cc")))
        for codec in PARAMETERS.codecs
    )
    for codecs, told in ((remb, True), (PARAMETERS.codecs, False)):
        bench.sent.clear()
        bench.engine.add_receiver(bench.receiver, replace(PARAMETERS, codecs=codecs))
        for _ in range(6000):
            bench.now += 0.001
            bench.rtp((IDS.mid, b"0"), (IDS.abs_send_time, abs_send_time(bench.now)))
        estimates = [p for p in bench.told if isinstance(p, ReceiverEstimatedMaximumBitrate)]
        assert bool(estimates) is told


def test_empty_report_has_ssrc_of_a_sender(bench: Bench) -> None:
    assert parse(bench.engine.empty_report()) == [ReceiverReport(11)]
