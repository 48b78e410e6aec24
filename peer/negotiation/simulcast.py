"""Agrees on the streams of simulcast: those of the peer that we take, ours that it takes. PURE.

Several encodings of one picture are sent (RFC 8853), each named by an `a=rid` (RFC 8851). All that
the peer offers are taken, as one track (W3C webrtc-pc section 5.4.1); which one is shown is the
receiver's choice. Of ours the answer may leave some out, for good; where it takes none, the first
is sent alone. Lines that cannot be read are no simulcast: there is one encoding then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.negotiation.sdp.lines import Line
from peer.negotiation.sdp.simulcast import Rid, RidDirection, Simulcast
from peer.rtp_parameters import SEND_LAYER_LIMIT, MediaKind, SendLayer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from peer.negotiation.sdp.attributes import ExtMap
    from peer.negotiation.sdp.description import MediaSection
    from peer.negotiation.session import Transceiver
    from peer.rtp_parameters import Codec

#: The header extension that says a packet's RID (RFC 8852 section 3.1).
_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
#: Limit of the encodings that are taken of one m-section (ours; libwebrtc sends 3).
LAYER_LIMIT = 8


def accepted_streams(
    offered: MediaSection, codecs: Sequence[Codec], extensions: Iterable[ExtMap]
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


def simulcast_lines(*, sent: Sequence[str], received: Sequence[Rid]) -> Iterator[Line]:
    """Write the streams of simulcast that we send, by their RIDs, and those that we receive."""
    streams = (*(Rid(each, RidDirection.SEND) for each in sent), *received)
    yield from (Line.attribute("rid", str(each)) for each in streams)
    # RFC 8853 section 5.1: one line for both directions.
    lists = [f"send {';'.join(sent)}"] if sent else []
    lists += [f"recv {';'.join(each.id for each in received)}"] if received else []
    if lists:
        yield Line.attribute("simulcast", " ".join(lists))


def new_layers(
    rids: Iterable[str], transceiver: Transceiver, random: Callable[[int], bytes]
) -> tuple[SendLayer, ...]:
    """Make the encodings of a track; the first has the SSRCs of the transceiver.

    Args:
        rids: Their RIDs; none are left out.
        transceiver: Sends them.
        random: `random(n)` gives n random bytes.
    """

    def ssrc() -> int:
        return int.from_bytes(random(4)) or 1

    return tuple(
        SendLayer(rid=rid, ssrc=ssrc(), rtx_ssrc=ssrc())
        if index
        else SendLayer(rid=rid, ssrc=transceiver.ssrc, rtx_ssrc=transceiver.rtx_ssrc)
        for index, rid in enumerate(rids)
    )


def requested_rids(offered: MediaSection) -> tuple[str, ...]:
    """RIDs of the encodings that an offer asks us to send; none where it asks for no simulcast.

    webrtc-pc section 4.4.1.5: of alternatives the first, and no id twice.
    """
    if offered.kind is not MediaKind.VIDEO or not offered.has("simulcast"):
        return ()
    found = tuple(dict.fromkeys(stream[0] for stream in _receivable(offered)))[:SEND_LAYER_LIMIT]
    return found if len(found) > 1 else ()


def offered_layers(transceiver: Transceiver) -> tuple[str, ...]:
    """RIDs of the encodings that an offer of ours says to send; none where there is one alone."""
    agreement, layers = transceiver.agreement, transceiver.layers
    # Of a peer that has refused simulcast, the first is left, and its RID says nothing.
    if len(layers) == 1 and (agreement is None or not agreement.sent_rids):
        return ()
    return tuple(layer.rid for layer in layers)


def answered_layers(transceiver: Transceiver, offered: MediaSection) -> tuple[str, ...]:
    """RIDs of our encodings that an offer asks for, as our answer states them."""
    if not transceiver.layers or not offered.has("simulcast"):
        return ()
    wanted = {rid for stream in _receivable(offered) for rid in stream[:1]}
    return tuple(layer.rid for layer in transceiver.layers if layer.rid in wanted)


def agreed_layers(
    *, ours: MediaSection, theirs: MediaSection
) -> tuple[tuple[str, ...], frozenset[str]]:
    """RIDs of the encodings that we send and the peer receives, and those of them it has paused."""
    sent, received = _simulcast(ours), _simulcast(theirs)
    if sent is None or received is None:
        return (), frozenset()
    wanted = {rid for stream in _receivable(theirs) for rid in stream[:1]}
    agreed = tuple(rid for stream in sent.send for rid in stream if rid in wanted)
    return agreed, received.paused.intersection(agreed)


def remaining_layers(transceiver: Transceiver) -> tuple[SendLayer, ...]:
    """The encodings that an answer has left of those that there were (webrtc-pc section 4.4.1.5).

    Args:
        transceiver: Has what was agreed on.
    """
    agreement, direction = transceiver.agreement, transceiver.current_direction
    if agreement is None or direction is None or not direction.sends:
        # Nothing is sent: that says nothing of what will be.
        return transceiver.layers
    taken = tuple(layer for layer in transceiver.layers if layer.rid in agreement.sent_rids)
    return taken or transceiver.layers[:1]


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


def _receivable(section: MediaSection) -> Iterator[tuple[str, ...]]:
    """List the streams that a description receives, each with the alternatives that it names."""
    simulcast = _simulcast(section)
    if simulcast is None or all(each.uri != _RID_URI for each in section.extmaps):
        return
    known = {rid.id for rid in _rids(section) if rid.direction is RidDirection.RECV}
    for stream in simulcast.recv:
        # RFC 8853 section 5.3.2: ids without an `a=rid` are passed over.
        if named := tuple(rid for rid in stream if rid in known):
            yield named


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
