"""The choice between transport-wide feedback and REMB."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer.rtp.engine.engine import RtpEngine
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
from tests.support.clock.virtual_time import VirtualLoop
from tests.support.rtp.media_packets import VP8

if TYPE_CHECKING:
    from peer.rtp.rtcp import RtcpPacket

TRANSPORT_CC_ID = 3
SEND_TIME_ID = 4
TRANSPORT_CC = Feedback("transport-cc")
REMB = Feedback("goog-remb")


async def feedback_sent(
    agreed: tuple[Feedback, ...], *, transport_cc: int | None = TRANSPORT_CC_ID
) -> set[type]:
    """The types of RTCP sent about six seconds of packets with both extensions."""
    loop = asyncio.get_running_loop()
    sent: list[RtcpPacket] = []

    def send(packet: bytes) -> bool:
        sent.extend(parse(packet))
        return True

    engine = RtpEngine(send, send, loop.time)
    extensions = [HeaderExtension(SEND_TIME_ID, ABS_SEND_TIME)]
    if transport_cc is not None:
        extensions.append(HeaderExtension(transport_cc, TRANSPORT_CC_URI))
    codec = replace(VP8, feedback=agreed)
    engine.add_receiver(
        InboundRtp(MediaKind.VIDEO, loop.time),
        ReceiveParameters(mid="0", codecs=(codec,), extensions=tuple(extensions)),
    )
    for number in range(6000):
        profile, extension = write_elements(
            [
                (TRANSPORT_CC_ID, number.to_bytes(2, "big")),
                (SEND_TIME_ID, abs_send_time(loop.time())),
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
        engine.on_rtp(packet.write(), loop.time())
        await asyncio.sleep(0.001)
    engine.close()
    return {type(packet) for packet in sent} - {ReceiverReport, SourceDescription}


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
