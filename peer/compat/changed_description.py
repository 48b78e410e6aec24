"""Takes a description of ours that the application has changed before it set it.

W3C webrtc-pc section 4.4.1.5 refuses such a description. Programs written for aiortc rewrite them:
they rename an m-section, take codecs out, add a bandwidth. What names our end of the transports,
which keys and sockets hang on, cannot be changed; a `tls-id` that is left out is put back, as
aiortc's own parser passes over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.errors import InvalidModificationError, RemoteError
from peer.negotiation.sdp.description import Sdp
from peer.negotiation.sdp.lines import Line
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from peer.configuration import SdpLimits
    from peer.negotiation.created_description import CreatedDescription
    from peer.negotiation.sdp.description import MediaSection


def with_changed_text(
    created: CreatedDescription, text: str, limits: SdpLimits
) -> CreatedDescription:
    """Return a created description with another text.

    Args:
        created: The description as it was made.
        text: Its text as the application has it now.
        limits: Bounds on the text.

    Raises:
        InvalidModificationError: The text is no description, has other m-sections, or other
            credentials, fingerprints or roles.
    """
    try:
        sdp = Sdp.parse(text, limits)
    except RemoteError as error:
        raise InvalidModificationError(f"the changed description: {error}") from error
    names = _new_mids(created.sdp, sdp)
    sdp = _with_tls_ids(created.sdp, _with_renamed_groups(sdp, names))
    for old, new in zip(created.sdp.media, sdp.media, strict=True):
        if _transport(created.sdp, old) != _transport(sdp, new) or old.rejected != new.rejected:
            raise InvalidModificationError(
                f"what m-section {old.mid!r} says of its transport cannot be changed"
            )
    return replace(
        created,
        sdp=sdp,
        mids=tuple((key, names[mid]) for key, mid in created.mids),
        data_mid=None if created.data_mid is None else names[created.data_mid],
        routes=tuple((names.get(mid, mid), key) for mid, key in created.routes),
    )


def _new_mids(before: Sdp, after: Sdp) -> dict[str, str]:
    """Return the mid that each m-section has now, by that which it was made with.

    Raises:
        InvalidModificationError: There are other m-sections, or one has lost its mid.
    """
    kinds = [[each.media_line.media for each in sdp.media] for sdp in (before, after)]
    if kinds[0] != kinds[1]:
        raise InvalidModificationError("the m-sections of a description of ours cannot be changed")
    names = {
        old.mid: new.mid
        for old, new in zip(before.media, after.media, strict=True)
        if old.mid is not None and new.mid is not None
    }
    if len(names) != len(before.media):
        raise InvalidModificationError("each m-section of ours has a mid")
    return names


def _with_renamed_groups(sdp: Sdp, names: Mapping[str, str]) -> Sdp:
    """Rename m-sections in BUNDLE groups as well, where the program has left those as they were."""
    mids = {section.mid for section in sdp.media}
    lines: list[Line] = []
    for group in sdp.session.groups:
        renamed = (mid if mid in mids else names.get(mid, mid) for mid in group.mids)
        lines.append(Line.attribute("group", " ".join((group.semantics, *renamed))))
    return sdp.with_session(sdp.session.replaced("group", *lines))


def _with_tls_ids(before: Sdp, after: Sdp) -> Sdp:
    """Give each m-section the `tls-id` that it was made with, where the program lost it."""
    lost = {
        index: new.replaced("tls-id", *old.attributes("tls-id"))
        for index, (old, new) in enumerate(zip(before.media, after.media, strict=True))
        if not new.has("tls-id")
    }
    return after.with_sections(lost)


def _transport(sdp: Sdp, section: MediaSection) -> tuple[object, ...]:
    return (
        sdp.transport_ice(section),
        sdp.transport_fingerprints(section),
        sdp.transport_setup(section),
        section.tls_id,
    )
