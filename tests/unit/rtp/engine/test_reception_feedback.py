"""The choice between transport-wide feedback and REMB."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from peer.rtp.engine.reception_feedback import ReceptionFeedback
from peer.rtp.packet import RtpPacket, abs_send_time
from peer.rtp.rtcp import ReceiverEstimatedMaximumBitrate, TransportFeedback
from peer.rtp_parameters import Feedback
from tests.support.clock.virtual_time import VirtualLoop
from tests.support.rtp.media_packets import VP8, receiving

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    def send(packets: Sequence[RtcpPacket]) -> bool:
        sent.extend(packets)
        return True

    feedback = ReceptionFeedback(1, send, loop.time)
    parameters = receiving(replace(VP8, feedback=agreed))
    feedback.configure([parameters], transport_cc=transport_cc, send_time=SEND_TIME_ID)
    for number in range(6000):
        packet = RtpPacket(payload_type=97, sequence_number=number, timestamp=0, ssrc=5)
        elements = {
            TRANSPORT_CC_ID: number.to_bytes(2, "big"),
            SEND_TIME_ID: abs_send_time(loop.time()),
        }
        feedback.receive(packet, elements, 1200, loop.time())
        await asyncio.sleep(0.001)
    feedback.close()
    return {type(packet) for packet in sent}


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
