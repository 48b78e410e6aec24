"""What is remembered of the SSRCs that were met, and what is reported of them."""

from __future__ import annotations

from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.sources import SOURCE_LIMIT, Sources
from peer.rtp.rtcp import SenderReport, middle, to_ntp


def packet(ssrc: int, number: int = 5) -> RtpPacket:
    return RtpPacket(
        payload_type=96, sequence_number=number, timestamp=0, ssrc=ssrc, payload=b"12345"
    )


def report(ssrc: int, ntp_time: int = 0) -> SenderReport:
    return SenderReport(
        ssrc=ssrc, ntp_time=ntp_time, rtp_timestamp=0, packet_count=1, octet_count=1
    )


def heard(sources: Sources, ssrc: int, *numbers: int) -> None:
    source = sources.follow(packet(ssrc, numbers[0]), 90_000)
    for number in numbers:
        source.counter.count(number, 0, 5, 10.0)


def test_only_so_many_are_remembered_and_the_followed_one_always() -> None:
    sources = Sources()
    heard(sources, 1, 5)
    for ssrc in range(100, 200):
        sources.repair(packet(ssrc), 1, 90_000, 10.0)
    assert len(sources) == SOURCE_LIMIT
    assert 1 in [source.ssrc for source in sources]
    assert 199 in [source.ssrc for source in sources]


def test_reports_of_strangers_are_remembered_within_bounds() -> None:
    sources = Sources()
    for ssrc in range(1000):
        sources.receive_report(report(ssrc, to_ntp(1_700_000_000.0)), 10.0)
    heard(sources, 0, 5)
    heard(sources, 999, 5)
    known = {each.ssrc: each.last_sr for each in sources.reports(11.0)}
    assert known == {0: 0, 999: middle(to_ntp(1_700_000_000.0))}


def test_what_is_reported() -> None:
    sources = Sources()
    heard(sources, 1, 65_535, 0, 2)
    ntp = to_ntp(1_700_000_000.5)
    sources.receive_report(report(1, ntp), 10.0)
    (block,) = sources.reports(10.5)
    assert block.ssrc == 1
    assert block.cumulative_lost == 1
    assert block.fraction_lost == 64
    assert block.highest_sequence == 0x10002
    assert block.last_sr == middle(ntp)
    assert block.delay_since_last_sr == 32768


def test_a_stream_that_is_silent_is_not_reported() -> None:
    sources = Sources()
    heard(sources, 1, 5)
    assert len(sources.reports(11.0)) == 1
    assert sources.reports(12.0) == ()


def test_retransmissions_do_not_count_as_media() -> None:
    sources = Sources()
    heard(sources, 1, 5)
    assert sources.repair(packet(1), 1, 90_000, 10.0) is None
    assert sources.repair(packet(2), 1, 90_000, 10.0) is not None
    assert {source.ssrc: source.repairs for source in sources} == {1: None, 2: 1}


def test_times_before_the_report_make_no_negative_delay() -> None:
    sources = Sources()
    heard(sources, 1, 5)
    sources.receive_report(report(1, to_ntp(1_700_000_000.0)), 10.0)
    assert sources.reports(9.0)[0].delay_since_last_sr == 0
