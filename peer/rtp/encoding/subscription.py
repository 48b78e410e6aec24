"""Subscribes a sender to the encoded frames of a track."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.encoding.shared_encoder import Subscriber, SubscriptionCounts
from peer.rtp.encoding.track_source import TrackSource, source_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoding.outgoing import OutgoingFrame
    from peer.rtp.encoding.settings import EncodingSettings
    from peer.rtp.encoding.shared_encoder import SharedEncoder
    from peer.rtp.tracks import MediaStreamTrack

__all__ = ["Subscription", "SubscriptionCounts", "subscribe"]


class Subscription:
    """Gives frames to `on_frame` on the event loop, from a keyframe on, until `close`.

    `subscribe` makes it.
    """

    def __init__(
        self, source: TrackSource, settings: EncodingSettings, subscriber: Subscriber
    ) -> None:
        self._source = source
        self._settings = settings
        self._subscriber = subscriber
        self._closed = False
        self._encoder: SharedEncoder = source.subscribe(settings, subscriber)

    def __repr__(self) -> str:
        """Show the shared encoder, and whether frames are given."""
        state = "active" if self.active else "inactive"
        return f"<Subscription to {self._encoder} {state}>"

    @property
    def settings(self) -> EncodingSettings:
        """The settings of this subscription."""
        return self._settings

    @property
    def active(self) -> bool:
        """True while the subscription is neither paused, nor closed, nor ended."""
        return self._subscriber.active

    @property
    def counts(self) -> SubscriptionCounts:
        """The counts of the shared encoder, one for all subscriptions with these settings."""
        return self._encoder.counts

    @property
    def target_bitrate(self) -> int | None:
        """The target bitrate of the shared encoder in bits/s; None for audio."""
        return self._encoder.target_bitrate

    def set_bitrate(self, bps: int) -> None:
        """Ask for at most this bitrate in bits/s, for video.

        The encoder takes the least that its active subscriptions ask for.
        """
        self._subscriber.bitrate = bps

    def request_keyframe(self) -> None:
        """Request a keyframe, for all subscriptions of the encoder.

        An encoder makes one each 500 ms at most; a request in between waits until then.
        """
        if self._subscriber.active:
            self._encoder.request_keyframe()

    def pause(self) -> None:
        """Give no frames until `resume`.

        The track is still read, so that its frames do not pile up.
        """
        self._subscriber.active = False

    def resume(self) -> None:
        """Give frames again, video from a keyframe on."""
        if self._closed or self._subscriber.active or self._source.ended:
            return
        self._subscriber.active = True
        self._subscriber.started = False
        self._encoder.request_keyframe()

    def close(self) -> None:
        """Give no frames any more; no callback is called after this.

        The last subscription to close stops the reading, in the next turn of the loop: a sender
        that changes its settings may close one subscription and make the next.
        """
        if not self._closed:
            self._closed = True
            self._source.unsubscribe(self._encoder, self._subscriber)


def subscribe(
    track: MediaStreamTrack,
    settings: EncodingSettings,
    *,
    on_frame: Callable[[OutgoingFrame], None],
    on_ended: Callable[[], None],
    on_error: Callable[[Exception], None],
) -> Subscription:
    """Subscribe to a track, encoded and packetised; the event loop has to be running.

    Args:
        track: Track of PyAV's frames, PyAV's packets (encoded already for this codec) or
            `EncodedFrame`s. The track itself is neither stopped nor changed.
        settings: Subscriptions with equal settings share an encoder.
        on_frame: Called on the event loop with each frame.
        on_ended: Called when the track has ended, or failed after `on_error`; nothing follows.
        on_error: Called when a frame could not be encoded or passed through, once until a frame
            succeeds. The subscription continues.

    Raises:
        ValueError: The track's kind is neither audio nor video, or not that of the codec.
    """
    if track.kind != settings.codec.kind:
        raise ValueError(f"a track of kind {track.kind} is not for {settings.codec.mimeType}")
    return Subscription(source_of(track), settings, Subscriber(on_frame, on_ended, on_error))
