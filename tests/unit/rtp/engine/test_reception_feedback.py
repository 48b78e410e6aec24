"""Transport-wide feedback or REMB, and when it is sent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer.rtp.congestion import RembEstimator
from peer.rtp.engine import reception_feedback
from peer.rtp.engine.engine import RtpEngine
from peer.rtp.engine.reception_feedback import FEEDBACK_INTERVAL, FEEDBACK_PACKETS
from peer.rtp.inbound.inbound_rtp import InboundRtp
from peer.rtp.packet import ABS_SEND_TIME, RtpPacket, abs_send_time, write_elements
from peer.rtp.packet import TRANSPORT_CC as TRANSPORT_CC_URI
from peer.rtp.rtcp import (
    ReceiverEstimatedMaximumBitrate,
    ReceiverReport,
    SourceDescription,
    TransportFeedback,
    parse,
)
from peer.rtp_parameters import Feedback, HeaderExtension, MediaKind, ReceiveParameters
from tests.support.clock.virtual_time import VirtualLoop, in_virtual_time
from tests.support.rtp.media_packets import VP8

if TYPE_CHECKING:
    from peer.rtp.rtcp import RtcpPacket

TRANSPORT_CC_ID = 3
SEND_TIME_ID = 4
TRANSPORT_CC = Feedback("transport-cc")
REMB = Feedback("goog-remb")


class Receiving:
    """An engine that agreed on forms of feedback, and the feedback that it sent, with its times."""

    def __init__(
        self, agreed: tuple[Feedback, ...], transport_cc: int | None = TRANSPORT_CC_ID
    ) -> None:
        self.time = asyncio.get_running_loop().time
        self.sent: list[tuple[float, RtcpPacket]] = []
        self.engine = RtpEngine(self._send, self._send, self.time)
        extensions = [HeaderExtension(SEND_TIME_ID, ABS_SEND_TIME)]
        if transport_cc is not None:
            extensions.append(HeaderExtension(transport_cc, TRANSPORT_CC_URI))
        self.engine.add_receiver(
            InboundRtp(MediaKind.VIDEO, self.time),
            ReceiveParameters(
                mid="0",
                codecs=(replace(VP8, feedback=agreed),),
                extensions=tuple(extensions),
            ),
        )

    def _send(self, packet: bytes) -> bool:
        reports = ReceiverReport | SourceDescription
        self.sent += [
            (self.time(), each) for each in parse(packet) if not isinstance(each, reports)
        ]
        return True

    def receive(self, number: int, transport_cc: bytes | None = None) -> None:
        """Let a packet with both extensions arrive."""
        profile, extension = write_elements(
            [
                (TRANSPORT_CC_ID, transport_cc or number.to_bytes(2, "big")),
                (SEND_TIME_ID, abs_send_time(self.time())),
            ]
        )
        packet = RtpPacket(
            payload_type=VP8.payload_type,
            sequence_number=number,
            timestamp=0,
            ssrc=5,
            payload=bytes(1200),
            profile=profile,
            extension=extension,
        )
        self.engine.on_rtp(packet.write(), self.time())

    @property
    def reported(self) -> list[tuple[float, int, int]]:
        """Times, first numbers and sizes of transport-wide feedback."""
        return [
            (at, each.base_sequence, len(each.arrivals))
            for at, each in self.sent
            if isinstance(each, TransportFeedback)
        ]


async def feedback_sent(
    agreed: tuple[Feedback, ...], *, transport_cc: int | None = TRANSPORT_CC_ID
) -> set[type]:
    """The types of RTCP sent about six seconds of packets with both extensions."""
    receiving = Receiving(agreed, transport_cc)
    for number in range(6000):
        receiving.receive(number)
        await asyncio.sleep(0.001)
    receiving.engine.close()
    return {type(packet) for _, packet in receiving.sent}


@in_virtual_time
async def test_twcc_is_sent_100_ms_after_first_arrival() -> None:
    receiving = Receiving((TRANSPORT_CC,))
    begin = receiving.time()
    for number in range(7):
        receiving.receive(number)
        await asyncio.sleep(0.03)
    await asyncio.sleep(1)
    assert [(base, size) for _, base, size in receiving.reported] == [(0, 4), (4, 3)]
    assert [at - begin for at, _, _ in receiving.reported] == pytest.approx(
        [FEEDBACK_INTERVAL, 0.12 + FEEDBACK_INTERVAL]
    )


@in_virtual_time
async def test_twcc_is_sent_at_once_after_100_packets() -> None:
    receiving = Receiving((TRANSPORT_CC,))
    begin = receiving.time()
    for number in range(2 * FEEDBACK_PACKETS + 1):
        receiving.receive(number)
    assert receiving.reported == [(begin, 0, 100), (begin, 100, 100)]
    await asyncio.sleep(1)
    ((at, base, size),) = receiving.reported[2:]
    assert (base, size) == (200, 1)
    assert at - begin == pytest.approx(FEEDBACK_INTERVAL)


@in_virtual_time
async def test_malformed_transport_sequence_number_is_not_reported() -> None:
    receiving = Receiving((TRANSPORT_CC,))
    receiving.receive(0, transport_cc=b"x")
    await asyncio.sleep(1)
    assert receiving.reported == []
    assert receiving.engine.counters.rtp == 1
    receiving.receive(1)
    receiving.receive(2, transport_cc=b"xyz")
    await asyncio.sleep(1)
    assert [(base, size) for _, base, size in receiving.reported] == [(1, 1)]


@pytest.mark.parametrize(
    ("agreed", "sent"),
    [
        ((), set()),
        ((TRANSPORT_CC,), {TransportFeedback}),
        ((REMB,), {ReceiverEstimatedMaximumBitrate}),
        ((TRANSPORT_CC, REMB), {TransportFeedback}),
    ],
)
def test_agreed_form_of_feedback_is_sent(agreed: tuple[Feedback, ...], sent: set[type]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(feedback_sent(agreed)) == sent


def test_remb_is_sent_where_transport_cc_has_no_extension() -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        sent = runner.run(feedback_sent((TRANSPORT_CC, REMB), transport_cc=None))
    assert sent == {ReceiverEstimatedMaximumBitrate}


@pytest.mark.parametrize("agreed", [(TRANSPORT_CC,), (TRANSPORT_CC, REMB), (REMB,)])
@in_virtual_time
async def test_no_estimator_of_remb_is_made_where_that_is_not_agreed(
    agreed: tuple[Feedback, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def make(ssrc: int) -> RembEstimator:
        made.append(ssrc)
        return RembEstimator(ssrc)

    monkeypatch.setattr(reception_feedback, "RembEstimator", make)
    receiving = Receiving(agreed)
    receiving.engine.close()

    assert len(made) == (agreed == (REMB,))
