"""Header extensions as applications list them, and their directions inside (webrtc-extensions)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.errors import ConfigurationError, InvalidModificationError
from peer.negotiation.header_extensions import ExtensionDirections
from peer.negotiation.sdp.attributes import MediaDirection
from peer.rtp.capabilities import capabilities
from peer.rtp.codec_capabilities import RtpHeaderExtensionCapability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp_parameters import MediaKind

_STOPPED = "stopped"


def extension_capabilities(
    kind: MediaKind, directions: ExtensionDirections
) -> list[RtpHeaderExtensionCapability]:
    """List all header extensions of a kind with their directions.

    Args:
        kind: Audio or video.
        directions: Directions; an extension without one is `stopped`.
    """
    found = ((each.uri, directions.of(each.uri)) for each in capabilities(kind).extensions)
    return [
        RtpHeaderExtensionCapability(uri, _STOPPED if direction is None else direction.value)
        for uri, direction in found
    ]


def extension_directions(
    kind: MediaKind, given: Sequence[RtpHeaderExtensionCapability]
) -> ExtensionDirections:
    """Read the directions that an application asks for.

    Args:
        kind: Audio or video.
        given: All header extensions of the kind, in their order.

    Raises:
        ConfigurationError: One has no URI, or a direction that there is not.
        InvalidModificationError: They are others, or in another order.
    """
    named: dict[str, MediaDirection | None] = {}
    for index, each in enumerate(given):
        if not each.uri:
            raise ConfigurationError(f"header extension {index} has no URI")
        if each.direction != _STOPPED and each.direction not in tuple(MediaDirection):
            raise ConfigurationError(f"{each.uri}: {each.direction!r} is no direction")
        is_stopped = each.direction == _STOPPED
        named[each.uri] = None if is_stopped else MediaDirection(each.direction)
    ours = [each.uri for each in capabilities(kind).extensions]
    if len(given) != len(ours):
        raise InvalidModificationError(f"{len(given)} header extensions, there are {len(ours)}")
    for index, (each, uri) in enumerate(zip(given, ours, strict=True)):
        if each.uri != uri:
            raise InvalidModificationError(f"header extension {index} is {uri}, not {each.uri!r}")
    return ExtensionDirections(named, others=None)
