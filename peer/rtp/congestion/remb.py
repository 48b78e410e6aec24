"""Estimates the bitrate that a sender may use, for REMB feedback. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortc.rate import RemoteBitrateEstimator

from peer.rtp.rtcp import ReceiverEstimatedMaximumBitrate

if TYPE_CHECKING:
    from peer.times import MonotonicTime

#: SSRCs that one REMB names at most (ours).
STREAM_LIMIT = 64
#: Time in seconds after which a silent stream is no longer named (libwebrtc: 2 s).
STREAM_TIMEOUT = 2.0
#: Pause in seconds after which the estimator restarts from its last rate (ours).
PAUSE_LIMIT = 2.0


class RembEstimator:
    """Estimates the available bitrate on the receiving side from `abs-send-time`.

    The estimate is aiortc's `RemoteBitrateEstimator`, after libwebrtc. This class bounds it: it
    would remember every SSRC, and count through a pause millisecond by millisecond.

    Args:
        sender_ssrc: SSRC of the sender of the feedback.
    """

    def __init__(self, sender_ssrc: int) -> None:
        self.sender_ssrc = sender_ssrc
        self._estimator = RemoteBitrateEstimator()
        self._latest_ms: int | None = None

    def receive(
        self, *, ssrc: int, send_time: bytes, size: int, arrival: MonotonicTime
    ) -> ReceiverEstimatedMaximumBitrate | None:
        """Add a packet, and return the REMB to send where one is due.

        Args:
            ssrc: SSRC of the packet's stream.
            send_time: The element `abs-send-time` as received; a wrong length is ignored.
            size: Octets of the packet.
            arrival: Time of arrival.
        """
        if len(send_time) != 3:
            return None
        arrival_ms = int(arrival * 1000)
        estimator = self._estimator
        latest = self._latest_ms
        if latest is not None and not latest <= arrival_ms < latest + PAUSE_LIMIT * 1000:
            estimator = self._restart()
        self._latest_ms = arrival_ms
        if len(estimator.ssrcs) >= STREAM_LIMIT and ssrc not in estimator.ssrcs:
            estimator.ssrcs.pop(min(estimator.ssrcs, key=estimator.ssrcs.__getitem__))
        estimate = estimator.add(arrival_ms, int.from_bytes(send_time, "big"), size, ssrc)
        if estimate is None:
            return None
        oldest = arrival_ms - STREAM_TIMEOUT * 1000
        for each in [each for each, latest in estimator.ssrcs.items() if latest < oldest]:
            del estimator.ssrcs[each]
        bitrate, _ = estimate
        return ReceiverEstimatedMaximumBitrate(
            self.sender_ssrc, max(0, bitrate), tuple(estimator.ssrcs)
        )

    def _restart(self) -> RemoteBitrateEstimator:
        """Replace the estimator, and keep the rate that the former one had reached."""
        former = self._estimator
        self._estimator = RemoteBitrateEstimator()
        self._estimator.rate_control = former.rate_control
        return self._estimator
