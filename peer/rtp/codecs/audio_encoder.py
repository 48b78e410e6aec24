"""Owns `AudioEncoder`: sound of any shape in, packets of 20 ms out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av import AudioFrame

    from peer.rtp.codecs.encoded import EncodedSound
    from peer.rtp_parameters import Codec


class AudioEncoder:
    """Encodes one stream. What is less than 20 ms waits for the next frame.

    The frames that it is given are never changed; their shape may change from one to the next.

    Args:
        codec: As it was agreed.

    Raises:
        EncodeError: No library here encodes it.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    @property
    def codec(self) -> Codec:
        """What it encodes for."""
        return self._codec

    def encode(self, frame: AudioFrame) -> list[EncodedSound]:
        """The packets that are complete with this frame.

        A frame that does not say its time follows the one before; one whose time is not where the
        one before ended begins anew, and what waited is lost.

        Raises:
            EncodeError: The library refused it.
        """
        raise NotImplementedError
