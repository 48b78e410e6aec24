"""The base class of tracks that push frames to one sink, without a task in between."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

from peer.rtp.tracks import MediaTrack

if TYPE_CHECKING:
    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.tracks import Frame


class FrameSink(Protocol):
    """The receiver of the frames that a `PushTrack` pushes, each by a plain call."""

    def on_frame(self, frame: EncodedFrame | Frame) -> None:
        """Takes the next frame; does not raise."""

    def on_track_ended(self) -> None:
        """Learns that no frame follows."""


class PushTrack(MediaTrack):
    """A track whose frames can be pushed to one sink instead of being read.

    A sender reads any other track by `recv` in a task; frames of this one reach it within the call
    that made them.

    Attributes:
        follows_bandwidth: Whether senders tell the track what they can send (`on_bandwidth`).
    """

    follows_bandwidth = False

    def on_bandwidth(self, sender: object, bps: int | None) -> int | None:
        """Take note of what one sender of the track can send.

        Args:
            sender: Which sender.
            bps: Bits/s of payload; None where it sends the track no more, or nothing for now.

        Returns:
            Bits/s of payload with which a larger encoding begins; None where none waits.
        """
        return None

    @abstractmethod
    def forward(self, sink: FrameSink) -> None:
        """Push all frames to `sink` from the next turn of the event loop on.

        It replaces the sink before.
        """

    @abstractmethod
    def stop_forwarding(self, sink: FrameSink) -> None:
        """Push no more frames to `sink`, if it is the present one; frames wait for `recv`."""
