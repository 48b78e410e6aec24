"""Reader of one kind of a live source's packets as pieces. It blocks: for a worker thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp_parameters import MediaKind
from peer.values import replace

if TYPE_CHECKING:
    from fractions import Fraction

    from media.sources.live_queue import LivePacket, LiveQueue
    from media.sources.stream_decoder import Piece, StreamDecoder

#: Video packets without a key frame after which they are decoded all the same, as some encoders
#: refresh a picture piece by piece (ours).
_PATIENCE = 300


class LiveReader:
    """Decodes the packets of one kind; video from a key frame on.

    Args:
        queue: The packets.
        kind: Kind of the packets.
    """

    def __init__(self, queue: LiveQueue, kind: MediaKind) -> None:
        self._queue = queue
        self._kind = kind
        self._decoder: StreamDecoder | None = None
        # Packets that still may pass while a key frame is waited for.
        self._patience = 0

    def read(self) -> list[Piece]:
        """Return the next pieces; an empty list at the end.

        Raises:
            SourceError: The source was lost for good, or is damaged.
        """
        while (taken := self._queue.take(self._kind)) is not None:
            if not self._is_decodable(taken):
                continue
            decoder = taken.decoder
            made = [
                decoder.straight(replace(piece, position=piece.position + taken.shift))
                for piece in decoder.pieces(taken.packet)
            ]
            if made:
                return made
        return []

    def seek(self, position: Fraction) -> Fraction:
        """Go on as before: a live source cannot be sought in."""
        return position

    def close(self) -> None:
        """Do nothing, as the feed closes the source."""

    def _is_decodable(self, taken: LivePacket) -> bool:
        if taken.decoder is not self._decoder or taken.after_cut:
            if taken.decoder is self._decoder:
                taken.decoder.flush()
            self._decoder = taken.decoder
            self._patience = _PATIENCE if self._kind is MediaKind.VIDEO else 0
        if taken.packet.is_keyframe:
            self._patience = 0
        self._patience = max(0, self._patience - 1)
        return not self._patience
