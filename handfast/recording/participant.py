"""Owns what is known of the streams that people send: their codecs, as they came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.codec_stats import CodecStats

if TYPE_CHECKING:
    from peer import PeerConnection


class Participant:
    """Remembers the codecs of one participant.

    Args:
        name: Of the participant.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._codecs: dict[str, str] = {}

    @property
    def codecs(self) -> tuple[str, ...]:
        """Their names, pictures before sound."""
        return tuple(sorted(self._codecs, key=lambda name: self._codecs[name], reverse=True))

    def add(self, kind: str, codec: str) -> None:
        """Something has arrived in this codec."""
        self._codecs[codec] = kind

    async def look(self, connection: PeerConnection) -> None:
        """Add those in which something has arrived there."""
        for receiver in connection.getReceivers():
            for entry in (await receiver.getStats()).values():
                if isinstance(entry, CodecStats):
                    kind, _, name = entry.mimeType.partition("/")
                    self.add(kind, name)
