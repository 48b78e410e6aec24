"""RTP header extensions of an m-section have directions, and may be stopped. PURE.

webrtc-extensions, "RTP header extension control", lets an application stop some; RFC 8285 section 7
has the rules of ids and directions between the ends.
"""

from __future__ import annotations

from dataclasses import field
from types import MappingProxyType
from typing import TYPE_CHECKING

from peer.errors import InvalidModificationError
from peer.negotiation.sdp.attributes import ExtMap, MediaDirection
from peer.rtp_parameters import HeaderExtension
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: MID, which BUNDLE needs in both directions (RFC 9143 section 9.1).
_MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
#: RtpStreamId, without which no end can tell the encodings of simulcast apart (RFC 8853).
_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"


@dataclass(frozen=True, slots=True)
class ExtensionDirections:
    """Directions of header extensions by URI, as our end sees them; None for a stopped one.

    Args:
        named: Extensions that have a direction of their own.
        others: Direction of all others.
    """

    named: Mapping[str, MediaDirection | None] = field(default_factory=lambda: MappingProxyType({}))
    others: MediaDirection | None = MediaDirection.SENDRECV

    def of(self, uri: str) -> MediaDirection | None:
        """Give the direction of an extension; None where it is stopped."""
        return self.named.get(uri, self.others)

    @property
    def sent(self) -> frozenset[str]:
        """URIs of the named extensions that our packets may have."""
        return frozenset(u for u, d in self.named.items() if d is not None and d.sends)

    @property
    def received(self) -> frozenset[str]:
        """URIs of the named extensions that packets of the peer may have."""
        return frozenset(u for u, d in self.named.items() if d is not None and d.receives)


#: Directions of an end that has stopped nothing.
EVERY_EXTENSION = ExtensionDirections()
#: Directions before an answer: nothing is agreed on.
NO_EXTENSION = ExtensionDirections(others=None)


def check_directions(directions: ExtensionDirections, *, is_simulcast: bool) -> None:
    """Check that no extension is stopped or narrowed that the m-section cannot be without.

    Args:
        directions: Directions that the application asks for.
        is_simulcast: True where our track has several encodings.

    Raises:
        InvalidModificationError: One is mandatory to use; its URI is in the message.
    """
    needed = {_MID_URI: "BUNDLE", **({_RID_URI: "simulcast"} if is_simulcast else {})}
    for uri, user in needed.items():
        direction = directions.of(uri)
        if direction is not MediaDirection.SENDRECV:
            word = "stopped" if direction is None else direction.value
            raise InvalidModificationError(f"{user} needs {uri} sendrecv, not {word}")


def offered_extensions(
    directions: ExtensionDirections, numbered: Iterable[HeaderExtension]
) -> tuple[ExtMap, ...]:
    """List the extensions of an offer of ours: all that are not stopped, with their directions."""
    found = ((each, directions.of(each.uri)) for each in numbered)
    return tuple(_extmap(each, direction) for each, direction in found if direction is not None)


def common_extensions(
    ours: Sequence[HeaderExtension], theirs: Sequence[HeaderExtension]
) -> tuple[HeaderExtension, ...]:
    """Keep the header extensions of the offer that we have, with their ids (RFC 8285 section 5)."""
    uris = {extension.uri for extension in ours}
    common: dict[str, HeaderExtension] = {}
    taken: set[int] = set()
    for extension in theirs:
        # RFC 8285 section 5: an id from 4096 on only waits for one that fits a header.
        if extension.uri in uris and extension.id < 256 and extension.id not in taken:
            common.setdefault(extension.uri, extension)
            taken.add(extension.id)
    return tuple(common.values())


def answered_extensions(
    wishes: ExtensionDirections, ours: Sequence[HeaderExtension], offered: Sequence[ExtMap]
) -> tuple[ExtMap, ...]:
    """List the extensions of an answer of ours: those offered that we have and do not stop.

    Args:
        wishes: Directions that the application asks for.
        ours: Extensions that we have.
        offered: Extensions of the offer's m-section.
    """
    kept = [each for each in ours if wishes.of(each.uri) is not None]
    theirs = {(each.id, each.uri): each for each in reversed(offered)}
    answered: list[ExtMap] = []
    for each in common_extensions(kept, [HeaderExtension(e.id, e.uri) for e in offered]):
        wish, there = wishes.of(each.uri), theirs[each.id, each.uri]
        if wish is not None:
            # RFC 8285 section 7: an answer does not exceed the direction of the offer.
            answered.append(_extmap(each, wish.intersect(_direction(there).reversed)))
    return tuple(answered)


def agreed_directions(
    offered: Sequence[ExtMap], answered: Sequence[ExtMap], *, is_answerer: bool
) -> ExtensionDirections:
    """Give the directions that an answer agrees on, as our end sees them.

    Args:
        offered: Extensions of the offer's m-section.
        answered: Extensions of the answer's; those that were not offered so do not count.
        is_answerer: True where the answer is ours.
    """
    named: dict[str, MediaDirection | None] = {}
    theirs = {(each.id, each.uri): each for each in offered}
    for each in answered:
        offer = theirs.get((each.id, each.uri))
        if offer is not None:
            direction = _direction(each).intersect(_direction(offer).reversed)
            named[each.uri] = direction if is_answerer else direction.reversed
    return ExtensionDirections(named, others=None)


def sends_rids(extensions: Iterable[ExtMap]) -> bool:
    """Tell whether packets that the writer of a description sends may say their RID."""
    return any(each.uri == _RID_URI and _direction(each).sends for each in extensions)


def early_extensions(offered: Sequence[ExtMap]) -> tuple[HeaderExtension, ...]:
    """List the extensions that packets may have before our offer is answered."""
    return tuple(HeaderExtension(e.id, e.uri) for e in offered if _direction(e).receives)


def _extmap(extension: HeaderExtension, direction: MediaDirection) -> ExtMap:
    # RFC 8285 section 5: without a direction it is sendrecv.
    is_usual = direction is MediaDirection.SENDRECV
    return ExtMap(extension.id, extension.uri, None if is_usual else direction)


def _direction(extmap: ExtMap) -> MediaDirection:
    return extmap.direction or MediaDirection.SENDRECV
