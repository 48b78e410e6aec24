"""Owns the receiver's own estimate of what the way to it can carry, for peers that obey REMB."""

from __future__ import annotations

from aiortc.rate import RemoteBitrateEstimator

from peer.rtp.rtcp import ReceiverEstimatedMaximumBitrate

#: Streams that one REMB names.
STREAM_LIMIT = 64
#: Seconds after which a stream that was not heard is no longer named.
STREAM_TIMEOUT = 2.0
#: Seconds without packets after which the estimate begins anew.
PAUSE_LIMIT = 2.0


class RembEstimator:
    """Says how fast the peer may send, by the `abs-send-time` of its packets.

    The estimate is aiortc's, after libwebrtc. What is added keeps it within bounds: it would
    remember every SSRC, and count through a pause millisecond by millisecond.

    Args:
        sender_ssrc: Of us in the feedback.
    """

    def __init__(self, sender_ssrc: int) -> None:
        self.sender_ssrc = sender_ssrc
        self._estimator = RemoteBitrateEstimator()
        self._latest_ms: int | None = None

    def receive(
        self, ssrc: int, send_time: bytes, size: int, arrival: float
    ) -> ReceiverEstimatedMaximumBitrate | None:
        """Take a packet; gives what to tell the peer where that is due.

        Args:
            ssrc: Of its stream.
            send_time: The element `abs-send-time` as it came; a wrong length is ignored.
            size: Octets of the packet.
            arrival: In seconds.
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
        told = estimator.add(arrival_ms, int.from_bytes(send_time, "big"), size, ssrc)
        if told is None:
            return None
        oldest = arrival_ms - STREAM_TIMEOUT * 1000
        for each in [each for each, heard in estimator.ssrcs.items() if heard < oldest]:
            del estimator.ssrcs[each]
        bitrate, _ = told
        return ReceiverEstimatedMaximumBitrate(
            self.sender_ssrc, max(0, bitrate), tuple(estimator.ssrcs)
        )

    def _restart(self) -> RemoteBitrateEstimator:
        """Go on from the estimate reached, without what led to it."""
        former = self._estimator
        self._estimator = RemoteBitrateEstimator()
        self._estimator.rate_control = former.rate_control
        return self._estimator
