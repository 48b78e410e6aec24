"""Payload types and ids of header extensions that contradict nothing in a session.

A number in the descriptions in force keeps its meaning in the next one (RFC 3264 section 8.3.2,
RFC 8285 section 5), and under BUNDLE in all m-sections (RFC 9143 section 9.1.1).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from peer.negotiation.codecs import described_codecs, same_codec
from peer.negotiation.signaling_state import Side
from peer.rtp_parameters import Codec, HeaderExtension

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peer.negotiation.session import Session

#: Payload types to assign: dynamic ones (RFC 3551 section 6), then those that RFC 5761 4 leaves.
_PAYLOAD_TYPES = (*range(96, 128), *range(35, 64))
#: Extension ids to assign: those of the one-byte header (RFC 8285 section 4.2).
_EXTENSION_IDS = range(1, 15)


class PayloadTypeAllocator:
    """Assigns payload types and extension ids that contradict nothing in the session."""

    def __init__(self, session: Session) -> None:
        self._codecs: dict[int, Codec] = {}
        self._extensions: dict[int, str] = {}
        for side in Side:
            described = session.description(side)
            for section in described.sdp.media if described else ():
                if section.kind is not None:
                    self._learn(described_codecs(section, section.kind))
                    self._extensions.update({e.id: e.uri for e in section.extmaps})

    def codecs(self, ours: Sequence[Codec]) -> tuple[Codec, ...]:
        """Give our codecs with the payload types that they have in this session.

        A codec for which the peer has left no payload type is left out.
        """
        numbered: list[Codec] = []
        for codec in ours:
            if codec.is_rtx:
                continue
            named = self._numbered(codec)
            if named is None:
                continue
            numbered.append(named)
            rtx = next((c for c in ours if c.is_rtx and c.apt == codec.payload_type), None)
            if rtx is not None:
                apt = (("apt", str(named.payload_type)),)
                repair = self._numbered(replace(rtx, parameters=apt))
                numbered += [repair] if repair is not None else []
        return tuple(numbered)

    def extensions(self, ours: Sequence[HeaderExtension]) -> tuple[HeaderExtension, ...]:
        """Give our header extensions with their ids, without those that find no free id."""
        numbered = (self._extension(item) for item in ours)
        return tuple(item for item in numbered if item is not None)

    def _learn(self, codecs: Iterable[Codec]) -> None:
        for codec in codecs:
            self._codecs.setdefault(codec.payload_type, codec)

    def _numbered(self, codec: Codec) -> Codec | None:
        known = (n for n, other in self._codecs.items() if _interchangeable(other, codec))
        own = (n for n in (codec.payload_type, *_PAYLOAD_TYPES) if n not in self._codecs)
        number = next(chain(known, own), None)
        if number is None:
            return None
        named = replace(codec, payload_type=number)
        self._codecs[number] = named
        return named

    def _extension(self, extension: HeaderExtension) -> HeaderExtension | None:
        known = (n for n, uri in self._extensions.items() if uri == extension.uri)
        own = (n for n in (extension.id, *_EXTENSION_IDS) if n not in self._extensions)
        number = next(chain(known, own), None)
        if number is None:
            return None
        self._extensions[number] = extension.uri
        return HeaderExtension(number, extension.uri)


def _interchangeable(known: Codec, codec: Codec) -> bool:
    if codec.is_rtx:
        return known.is_rtx and known.kind is codec.kind and known.apt == codec.apt
    return same_codec(known, codec)
