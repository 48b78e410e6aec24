"""Owns `subscribe`: a sender's hold on the frames of a track."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.encoding.counts import SubscriptionCounts
from peer.rtp.encoding.member import Member
from peer.rtp.encoding.source import TrackSource, source_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoding.outgoing import OutgoingFrame
    from peer.rtp.encoding.settings import EncodingSettings
    from peer.rtp.encoding.shared import SharedEncoding
    from peer.rtp.tracks import MediaStreamTrack

__all__ = ["Subscription", "SubscriptionCounts", "subscribe"]


class Subscription:
    """Frames are given to `on_frame` on the event loop, from a key frame on, until `close`.

    `subscribe` makes it.
    """

    def __init__(self, source: TrackSource, settings: EncodingSettings, member: Member) -> None:
        self._source = source
        self._settings = settings
        self._member = member
        self._closed = False
        self._encoding: SharedEncoding = source.join(settings, member)

    @property
    def settings(self) -> EncodingSettings:
        """As it was subscribed with."""
        return self._settings

    @property
    def active(self) -> bool:
        """Neither paused, nor closed, nor ended."""
        return self._member.active

    @property
    def counts(self) -> SubscriptionCounts:
        """Shared with every subscription of the same settings."""
        return self._encoding.counts

    @property
    def target_bitrate(self) -> int | None:
        """What the shared encoder aims at, in bits a second; None for sound."""
        return self._encoding.target_bitrate

    def set_bitrate(self, bps: int) -> None:
        """Ask for at most so many bits a second; pictures only.

        The encoder takes the least that its active subscriptions ask for.
        """
        self._member.bitrate = bps

    def request_keyframe(self) -> None:
        """Ask for a picture that can be decoded by itself, for all subscriptions.

        An encoder makes one each 500 ms at most; what is asked for in between comes then.
        """
        if self._member.active:
            self._encoding.request_keyframe()

    def pause(self) -> None:
        """Give no frames. The track is read all the same, lest its frames pile up."""
        self._member.active = False

    def resume(self) -> None:
        """Give frames again, pictures from a key frame on."""
        if self._closed or self._member.active or self._source.ended:
            return
        self._member.active = True
        self._member.ready = False
        self._encoding.request_keyframe()

    def close(self) -> None:
        """Give no frames any more; nothing is called after this.

        The last one to close stops the reading, in the next turn of the loop: who changes its
        settings may close one subscription and make the next.
        """
        if not self._closed:
            self._closed = True
            self._source.leave(self._encoding, self._member)


def subscribe(
    track: MediaStreamTrack,
    settings: EncodingSettings,
    *,
    on_frame: Callable[[OutgoingFrame], None],
    on_ended: Callable[[], None],
    on_error: Callable[[Exception], None],
) -> Subscription:
    """Have a track read, encoded and packetised; call it with the event loop running.

    Args:
        track: May give av's frames, av's packets (encoded already for this codec) or
            `EncodedFrame`s. The track itself is neither stopped nor changed.
        settings: Subscriptions with equal ones share an encoder.
        on_frame: Called on the event loop.
        on_ended: The track has ended, or failed (`on_error` has said why); nothing follows.
        on_error: A frame could not be encoded or passed on: said once until one can. The
            subscription goes on.

    Raises:
        ValueError: The track's kind is neither audio nor video, or not that of the codec.
    """
    if track.kind != settings.codec.kind:
        raise ValueError(f"a track of kind {track.kind} is not for {settings.codec.mimeType}")
    member = Member(on_frame, on_ended, on_error)
    return Subscription(source_of(track), settings, member)
