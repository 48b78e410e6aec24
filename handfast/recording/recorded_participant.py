"""A participant of a recorded room, and the codecs of its streams as they arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.codec_stats import CodecStats

if TYPE_CHECKING:
    from peer import PeerConnection


class RecordedParticipant:
    """Remembers the name and the codecs of one participant.

    Args:
        name: Name of the participant.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._codecs: dict[str, str] = {}

    @property
    def codecs(self) -> tuple[str, ...]:
        """Names of the codecs, those of video before those of audio."""
        return tuple(sorted(self._codecs, key=lambda name: self._codecs[name], reverse=True))

    def add(self, *, kind: str, codec: str) -> None:
        """Note that packets of a codec arrived."""
        self._codecs[codec] = kind

    async def look(self, connection: PeerConnection, *, pictures: bool) -> None:
        """Add the codecs in which packets arrived over the connection.

        Args:
            connection: The connection with the participant.
            pictures: Whether pictures are recorded, and not the sound alone.
        """
        for receiver in connection.getReceivers():
            if receiver.kind == "video" and not pictures:
                continue
            for entry in (await receiver.getStats()).values():
                if isinstance(entry, CodecStats):
                    kind, _, name = entry.mimeType.partition("/")
                    self.add(kind=kind, codec=name)
