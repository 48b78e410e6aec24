"""Owns `subscribe`: a sender's hold on the frames of a track."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from peer.rtp.encoding.outgoing import OutgoingFrame
    from peer.rtp.encoding.settings import EncodingSettings
    from peer.rtp.tracks import MediaStreamTrack


@dataclass(frozen=True, slots=True)
class SubscriptionCounts:
    """What became of a track's frames under one encoder since it was made.

    Args:
        read: Frames that the track gave.
        encoded: Frames that the encoder made.
        passed: Frames that came encoded and went on as they were.
        lagged: Frames dropped because the encoder was not done with the ones before.
        unusable: Frames of another codec or form than agreed, and such as could not be encoded.
    """

    read: int = 0
    encoded: int = 0
    passed: int = 0
    lagged: int = 0
    unusable: int = 0


class Subscription:
    """Frames are given to `on_frame` on the event loop, from a key frame on, until `close`."""

    @property
    def settings(self) -> EncodingSettings:
        """As it was subscribed with."""
        raise NotImplementedError

    @property
    def active(self) -> bool:
        """Neither paused nor closed."""
        raise NotImplementedError

    @property
    def counts(self) -> SubscriptionCounts:
        """Shared with every subscription of the same settings."""
        raise NotImplementedError

    @property
    def target_bitrate(self) -> int | None:
        """What the shared encoder aims at, in bits a second; None for sound."""
        raise NotImplementedError

    def set_bitrate(self, bps: int) -> None:
        """Ask for at most so many bits a second; pictures only.

        The encoder takes the least that its active subscriptions ask for.
        """
        raise NotImplementedError

    def request_keyframe(self) -> None:
        """Ask for a picture that can be decoded by itself, for all subscriptions.

        An encoder makes one each 500 ms at most; what is asked for in between comes then.
        """
        raise NotImplementedError

    def pause(self) -> None:
        """Give no frames. The track is read all the same, lest its frames pile up."""
        raise NotImplementedError

    def resume(self) -> None:
        """Give frames again, pictures from a key frame on."""
        raise NotImplementedError

    def close(self) -> None:
        """Give no frames any more; nothing is called after this.

        The last one to close stops the reading, in the next turn of the loop: who changes its
        settings may close one subscription and make the next.
        """
        raise NotImplementedError


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
    """
    raise NotImplementedError
