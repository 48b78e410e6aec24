"""Agrees on simulcast to receive: which of the peer's streams are taken. PURE.

The peer offers several encodings of one picture (RFC 8853), each named by an `a=rid` (RFC 8851).
All are taken, as one track (W3C webrtc-pc section 5.4.1); which one is shown is the receiver's
choice. Lines that cannot be read are no simulcast: the peer then sends one encoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.negotiation.sdp.lines import Line
from peer.negotiation.sdp.simulcast import Rid, RidDirection, Simulcast
from peer.rtp_parameters import MediaKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from peer.negotiation.sdp.description import MediaSection
    from peer.rtp_parameters import Codec, HeaderExtension

#: The header extension that says a packet's RID (RFC 8852 section 3.1).
_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
#: Limit of the encodings that are taken of one m-section (ours; libwebrtc sends 3).
LAYER_LIMIT = 8


def accepted_streams(
    offered: MediaSection, codecs: Sequence[Codec], extensions: Iterable[HeaderExtension]
) -> tuple[Rid, ...]:
    """The streams of an offer's simulcast that an answer takes, as the answer states them.

    Args:
        offered: The m-section of the offer.
        codecs: What the answer takes, by the offer's payload types.
        extensions: What the answer takes; without the RID nobody can tell streams apart.
    """
    if offered.kind is not MediaKind.VIDEO or all(each.uri != _RID_URI for each in extensions):
        return ()
    simulcast = _simulcast(offered)
    if simulcast is None:
        return ()
    known = {codec.payload_type for codec in codecs}
    usable: dict[str, Rid] = {}
    for rid in _rids(offered):
        types = tuple(each for each in rid.payload_types if each in known)
        if rid.direction is RidDirection.SEND and (types or not rid.payload_types):
            usable.setdefault(rid.id, Rid(rid.id, RidDirection.RECV, types, rid.restrictions))
    # RFC 8853 section 5.3.2: of alternatives the first that can be had, of unknown ids none.
    chosen = [next((each for each in stream if each in usable), None) for stream in simulcast.send]
    found = [usable[each] for each in dict.fromkeys(chosen) if each is not None]
    return tuple(found[:LAYER_LIMIT]) if len(found) > 1 else ()


def received_lines(streams: Sequence[Rid]) -> Iterator[Line]:
    """Write the streams of simulcast that we receive."""
    yield from (Line.attribute("rid", str(each)) for each in streams)
    yield Line.attribute("simulcast", f"recv {';'.join(each.id for each in streams)}")


def offered_again(rids: Iterable[str]) -> tuple[Rid, ...]:
    """The streams that were agreed on, as an offer of ours goes on with them."""
    return tuple(Rid(each, RidDirection.RECV) for each in rids)


def agreed_rids(*, ours: MediaSection, theirs: MediaSection) -> tuple[str, ...]:
    """RIDs of the streams that the peer sends at once and we receive; none without simulcast."""
    sent, received = _simulcast(theirs), _simulcast(ours)
    if sent is None or received is None:
        return ()
    known = {rid.id for rid in _rids(theirs) if rid.direction is RidDirection.SEND}
    wanted = {each for stream in received.recv for each in stream}
    agreed = [each for stream in sent.send for each in stream if each in known & wanted]
    found = tuple(dict.fromkeys(agreed))[:LAYER_LIMIT]
    return found if len(found) > 1 else ()


def _simulcast(section: MediaSection) -> Simulcast | None:
    lines = section.attributes("simulcast")
    try:
        return Simulcast.parse(lines[0].argument) if len(lines) == 1 else None
    except ValueError:
        return None


def _rids(section: MediaSection) -> Iterator[Rid]:
    for line in section.attributes("rid"):
        try:
            yield Rid.parse(line.argument)
        except ValueError:
            # RFC 8851 section 6.2.1: a line that cannot be read is left out.
            continue
