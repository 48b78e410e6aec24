"""Senders of a transport learn how large packets may be."""

from __future__ import annotations

from peer.rtp.congestion import Share
from peer.rtp.congestion.packet_size import ANSWER_TIMEOUT, PAYLOAD_LIMITS
from peer.rtp.engine.send_controller import RtpSendController
from peer.rtp.rtcp import RtcpPacket, TransportFeedback

LARGE = 1230


class Sender:
    """Records the limits that it is told."""

    def __init__(self) -> None:
        self.limits: list[int] = []

    def on_rtcp(self, packet: RtcpPacket, arrival: float) -> None: ...

    def on_target(self, bps: int) -> None: ...

    def on_payload_limit(self, octets: int) -> None:
        self.limits.append(octets)


async def test_senders_and_later_ones_are_told_of_a_smaller_limit() -> None:
    controller = RtpSendController(lambda _: None, lambda: 0.0)
    early, late = Sender(), Sender()
    controller.set_share(early, Share(100_000))
    for seconds in range(int(ANSWER_TIMEOUT) + 5):
        controller.congestion.on_sent([LARGE] * 4, float(seconds))
    controller.on_feedback(TransportFeedback(1, 2, 0, 0, 0, ()))
    controller.set_share(late, Share(100_000))

    assert early.limits == late.limits == [PAYLOAD_LIMITS[1]]
    controller.set_share(late, None)
    controller.close()
