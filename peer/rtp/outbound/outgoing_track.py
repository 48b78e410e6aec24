"""Subscribes a sender to the frames of its track, with its encoding settings."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoding import EncodingSettings, OutgoingFrame, Subscription
    from peer.rtp.tracks import MediaStreamTrack
    from peer.rtp_parameters import MediaKind

logger = logging.getLogger(__name__)


class Subscribe(Protocol):
    """The signature of `encoding.subscribe`, so that tests can replace it."""

    def __call__(
        self,
        track: MediaStreamTrack,
        settings: EncodingSettings,
        *,
        on_frame: Callable[[OutgoingFrame], None],
        on_ended: Callable[[], None],
        on_error: Callable[[Exception], None],
    ) -> Subscription:
        """Subscribe to the encoded and packetised frames of a track."""


class OutgoingTrack:
    """Keeps one subscription to the present track, and none once the track has ended or failed.

    Args:
        kind: Audio or video.
        on_frame: Called with each frame, unless paused.
        subscribe: Subscribes to the frames of a track.
    """

    def __init__(
        self,
        kind: MediaKind,
        on_frame: Callable[[OutgoingFrame], None],
        subscribe: Subscribe,
    ) -> None:
        self._subscribe_to = subscribe
        self._kind = kind
        self._on_frame = on_frame
        self._track: MediaStreamTrack | None = None
        self._settings: EncodingSettings | None = None
        self._subscription: Subscription | None = None
        self._paused = False
        self._bitrate: int | None = None
        self._failures = 0

    def set_track(self, track: MediaStreamTrack | None) -> None:
        """Send another track, or none; the former track is not stopped."""
        if track is not self._track or self._subscription is None:
            self._unsubscribe()
            self._track = track
            self._subscribe()

    def configure(self, settings: EncodingSettings) -> None:
        """Encode with these settings from now on."""
        if settings != self._settings:
            self._unsubscribe()
            self._settings = settings
            self._subscribe()

    def pause(self, paused: bool) -> None:
        """Drop the frames of the track, or resume; video resumes with a keyframe."""
        if paused is self._paused:
            return
        self._paused = paused
        if self._subscription is None:
            return
        if paused:
            self._subscription.pause()
        else:
            self._subscription.resume()

    def set_bitrate(self, bitrate: int) -> None:
        """Set the target bitrate of the encoder in bits/s."""
        self._bitrate = bitrate
        if self._subscription is not None:
            self._subscription.set_bitrate(bitrate)

    def request_keyframe(self) -> None:
        """Make the next video frame a keyframe."""
        if self._subscription is not None:
            self._subscription.request_keyframe()

    def close(self) -> None:
        """End the subscription, and release the track."""
        self._unsubscribe()
        self._track = None

    def _subscribe(self) -> None:
        track, settings = self._track, self._settings
        if track is None or settings is None:
            return
        subscription = self._subscribe_to(
            track,
            settings,
            on_frame=self._on_frame,
            on_ended=self._on_ended,
            on_error=self._on_error,
        )
        self._subscription = subscription
        if self._bitrate is not None:
            subscription.set_bitrate(self._bitrate)
        if self._paused:
            subscription.pause()

    def _unsubscribe(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()

    def _on_ended(self) -> None:
        self._subscription = self._track = None

    def _on_error(self, error: Exception) -> None:
        self._failures += 1
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        logger.log(level, "a frame of kind %s could not be sent: %r", self._kind, error)
