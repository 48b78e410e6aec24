"""Owns which track a sender is given frames of, and how they are to be encoded."""

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
    """See `encoding.subscribe`."""

    def __call__(
        self,
        track: MediaStreamTrack,
        settings: EncodingSettings,
        *,
        on_frame: Callable[[OutgoingFrame], None],
        on_ended: Callable[[], None],
        on_error: Callable[[Exception], None],
    ) -> Subscription:
        """Have a track read, encoded and packetised."""


class OutgoingTrack:
    """Holds a subscription to the present track, and none once it has ended or failed.

    Args:
        kind: Audio or video.
        on_frame: Given each frame, unless paused.
        subscribe: Gives the frames of a track.
    """

    def __init__(
        self,
        kind: MediaKind,
        on_frame: Callable[[OutgoingFrame], None],
        subscribe: Subscribe,
    ) -> None:
        self._give = subscribe
        self._kind = kind
        self._on_frame = on_frame
        self._track: MediaStreamTrack | None = None
        self._settings: EncodingSettings | None = None
        self._subscription: Subscription | None = None
        self._paused = False
        self._bitrate: int | None = None
        self._failures = 0

    @property
    def track(self) -> MediaStreamTrack | None:
        """The track that frames come from; None once it has ended."""
        return self._track

    @property
    def lagged(self) -> int:
        """Frames dropped because the encoder was not done with the ones before."""
        return 0 if self._subscription is None else self._subscription.counts.lagged

    def switch(self, track: MediaStreamTrack | None) -> None:
        """Go on with another track, or with none. The former one is not stopped."""
        if track is not self._track or self._subscription is None:
            self._leave()
            self._track = track
            self._subscribe()

    def configure(self, settings: EncodingSettings) -> None:
        """Encode like this from now on."""
        if settings != self._settings:
            self._leave()
            self._settings = settings
            self._subscribe()

    def pause(self, paused: bool) -> None:
        """Drop what the track gives, or go on, pictures from a key frame on."""
        if paused is self._paused:
            return
        self._paused = paused
        if self._subscription is None:
            return
        if paused:
            self._subscription.pause()
        else:
            self._subscription.resume()

    def set_bitrate(self, bps: int) -> None:
        """Aim at so many bits a second, of what is encoded here."""
        self._bitrate = bps
        if self._subscription is not None:
            self._subscription.set_bitrate(bps)

    def request_keyframe(self) -> None:
        """Make the next picture one that can be decoded by itself."""
        if self._subscription is not None:
            self._subscription.request_keyframe()

    def close(self) -> None:
        """Read no more."""
        self._leave()
        self._track = None

    def _subscribe(self) -> None:
        track, settings = self._track, self._settings
        if track is None or settings is None:
            return
        subscription = self._give(
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

    def _leave(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()

    def _on_ended(self) -> None:
        self._subscription = self._track = None

    def _on_error(self, error: Exception) -> None:
        self._failures += 1
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        logger.log(level, "a frame of kind %s could not be sent: %r", self._kind, error)
