"""Writer of our descriptions, offers and answers alike (RFC 9429 section 5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.ice import default_candidate
from peer.negotiation.codecs import codec_lines
from peer.negotiation.sdp.attributes import ConnectionLine, Group, MediaDirection, MediaLine, Setup
from peer.negotiation.sdp.description import MediaSection, Sdp, SessionSection
from peer.negotiation.sdp.lines import Line
from peer.negotiation.session import GatheredCandidates, Session, Transceiver
from peer.negotiation.simulcast import simulcast_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from peer.ice import CandidateFields
    from peer.negotiation.profile import Profile
    from peer.negotiation.sdp.attributes import ExtMap
    from peer.negotiation.sdp.simulcast import Rid
    from peer.negotiation.session import TransportState
    from peer.rtp_parameters import Codec

#: Port of an m-section that has no candidate yet (RFC 9429 section 5.2.1).
_NO_PORT = 9
#: Streams that `a=sctpmap` offers, as libwebrtc wrote them (draft-ietf-mmusic-sctp-sdp-07).
_OLD_STREAMS = 1024
#: Address of an m-section that has no candidate yet (RFC 9429 section 5.2.1).
_NO_ADDRESS = "IN IP4 0.0.0.0"
#: Protocol of the RTP m-sections that we offer (RFC 9429 section 5.1.2).
RTP_PROTOCOL = "UDP/TLS/RTP/SAVPF"
#: Protocol of the m-section of data channels that we offer (RFC 8841 section 4.2).
DATA_PROTOCOL = "UDP/DTLS/SCTP"
#: Format of the m-section of data channels (RFC 8841 section 4.3).
DATA_FORMAT = "webrtc-datachannel"
_NONE_GATHERED = GatheredCandidates()


def description(
    session: Session,
    version: int,
    media: Iterable[MediaSection],
    bundles: Iterable[Sequence[str]],
) -> Sdp:
    """Write a description of its m-sections and BUNDLE groups.

    Args:
        session: The session that is described.
        version: Version in `o=`; greater with each description that we make.
        media: The m-sections.
        bundles: The mids of each BUNDLE group, the tag first.
    """
    lines = [
        Line("v", "0"),
        # RFC 9429 section 5.2.1: the user is `-`, the address says nothing of us.
        Line("o", f"- {session.id} {version} {_NO_ADDRESS}"),
        Line("s", "-"),
        Line("t", "0 0"),
    ]
    lines += [
        Line.attribute("group", str(Group("BUNDLE", tuple(mids)))) for mids in bundles if mids
    ]
    return Sdp(session=SessionSection(lines=tuple(lines)), media=tuple(media))


def rtp_section(
    transceiver: Transceiver,
    *,
    mid: str,
    direction: MediaDirection,
    codecs: Sequence[Codec],
    extensions: Sequence[ExtMap],
    transport: Iterable[Line],
    bundle_only: bool = False,
    reduced_size: bool = True,
    mux: bool = True,
    protocol: str = RTP_PROTOCOL,
    cname: str,
    simulcast: Sequence[Rid] = (),
    layers: Sequence[str] = (),
) -> MediaSection:
    """Write an audio or video m-section.

    Args:
        transceiver: The transceiver that it describes.
        mid: Mid of the m-section.
        direction: Direction that it says.
        codecs: Codecs, the most preferred first.
        extensions: Header extensions with their ids and directions.
        transport: The lines of its transport.
        bundle_only: Write it with port 0 and `a=bundle-only`.
        reduced_size: Take RTCP packets without a report (RFC 5506).
        mux: Have RTCP share the port of RTP.
        protocol: Protocol of the `m=` line.
        cname: Canonical name of our streams.
        simulcast: The encodings to receive (RFC 8853).
        layers: RIDs of the encodings to send.
    """
    formats = tuple(str(codec.payload_type) for codec in codecs)
    lines = [
        _media_line(
            transceiver.kind,
            0 if bundle_only else _NO_PORT,
            protocol=protocol,
            formats=formats,
        ),
        Line("c", _NO_ADDRESS),
        Line.attribute("rtcp", f"{_NO_PORT} {_NO_ADDRESS}"),
        *transport,
        Line.attribute("mid", mid),
        *([Line.attribute("bundle-only")] if bundle_only else []),
        *(Line.attribute("extmap", str(item)) for item in extensions),
        Line.attribute(direction.value),
        *_stream_lines(transceiver),
        *([Line.attribute("rtcp-mux")] if mux else []),
        *([Line.attribute("rtcp-rsize")] if reduced_size else []),
        *codec_lines(codecs),
        *simulcast_lines(sent=layers, received=simulcast),
        # Streams with RIDs are told apart by those, and libwebrtc has no SSRCs beside them either.
        *(_ssrc_lines(transceiver, codecs, cname) if direction.sends and not layers else ()),
    ]
    return MediaSection(lines=tuple(lines))


def data_section(
    profile: Profile,
    *,
    mid: str,
    transport: Iterable[Line],
    bundle_only: bool = False,
    protocol: str = DATA_PROTOCOL,
    old_form: bool = False,
) -> MediaSection:
    """Write the m-section of the data channels (RFC 8841).

    Args:
        profile: The fixed facts of our end.
        mid: Mid of the m-section.
        transport: The lines of its transport.
        bundle_only: Write it with port 0 and `a=bundle-only`.
        protocol: Protocol of the `m=` line.
        old_form: Write the form of draft-ietf-mmusic-sctp-sdp-07, with the SCTP port as the format
            and `a=sctpmap`, for a peer that writes it (see `SdpLeniency.OLD_DATA_FORM`).
    """
    port = str(profile.sctp_port)
    old = Line.attribute("sctpmap", f"{port} {DATA_FORMAT} {_OLD_STREAMS}")
    lines = [
        _media_line(
            "application",
            0 if bundle_only else _NO_PORT,
            protocol=protocol,
            formats=(port if old_form else DATA_FORMAT,),
        ),
        Line("c", _NO_ADDRESS),
        *transport,
        Line.attribute("mid", mid),
        *([Line.attribute("bundle-only")] if bundle_only else []),
        old if old_form else Line.attribute("sctp-port", port),
        Line.attribute("max-message-size", str(profile.max_message_size)),
    ]
    return MediaSection(lines=tuple(lines))


def rejected_section(described: MediaSection) -> MediaSection:
    """Write a rejected m-section: port zero, the same formats (RFC 3264 section 6)."""
    line = described.media_line
    mid = [Line.attribute("mid", described.mid)] if described.mid is not None else []
    lines = [
        _media_line(line.media, 0, protocol=line.protocol, formats=line.formats),
        Line("c", _NO_ADDRESS),
        *mid,
        Line.attribute(MediaDirection.INACTIVE.value),
    ]
    return MediaSection(lines=tuple(lines))


def ice_lines(transport: TransportState, options: Iterable[str] = ()) -> tuple[Line, ...]:
    """Write the ICE attributes of an m-section, on bundled ones too, as browsers do.

    Args:
        transport: Transport with our credentials.
        options: Tags of `a=ice-options` beside `trickle`.
    """
    return (
        Line.attribute("ice-ufrag", transport.local.username_fragment),
        Line.attribute("ice-pwd", transport.local.password),
        Line.attribute("ice-options", " ".join(("trickle", *options))),
    )


def dtls_lines(
    transport: TransportState, setup: Setup, *, identified: bool = True
) -> tuple[Line, ...]:
    """Write the DTLS attributes of an m-section, on bundled ones too, as browsers do.

    Args:
        transport: Transport with our end of its association.
        setup: Value of `a=setup`.
        identified: Write the tls-id.
    """
    identity = transport.association.local
    return (
        # RFC 5763 section 5: "The endpoint MUST use the fingerprint attribute."
        *(Line.attribute("fingerprint", str(item)) for item in identity.fingerprints),
        Line.attribute("setup", setup.value),
        *([Line.attribute("tls-id", identity.tls_id)] if identified else []),
    )


def with_gathered(
    sdp: Sdp, session: Session, gathered: Mapping[tuple[str, str], GatheredCandidates]
) -> Sdp:
    """Add the candidates found so far, as `localDescription` shows them.

    Candidates stand in the first m-section that a transport carries (RFC 9429 section 5.2.2). The
    others have its default candidate in their `m=` and `c=` lines too (RFC 9429 section 5.3.2, RFC
    8839 section 4.2.1.2): linphone reads `0.0.0.0` there as an ICE restart, and never connects. It
    reads it so in a rejected one too, which has the address of the first default candidate then.

    Args:
        sdp: Our description.
        session: The session, with the route of each m-section.
        gathered: Candidates by the key of the transport and our username fragment.
    """
    shown: dict[str, GatheredCandidates] = {}
    changed: dict[int, MediaSection] = {}
    for index, section in enumerate(sdp.media):
        key = session.route(section.mid) if section.mid is not None else None
        if key is None or section.rejected:
            continue
        if key in shown:
            changed[index] = _with_default_candidate(section, shown[key])
        else:
            shown[key] = gathered.get((key, _generation(session, sdp, section)), _NONE_GATHERED)
            changed[index] = _with_candidates(section, shown[key])
    defaults = map(_default, shown.values())
    if (default := next(filter(None, defaults), None)) is not None:
        for index, section in enumerate(sdp.media):
            if section.rejected:
                changed[index] = section.with_connection(default.address)
    return sdp.with_sections(changed)


def _generation(session: Session, sdp: Sdp, section: MediaSection) -> str:
    """Give the username fragment of the sockets of an m-section, which names their generation."""
    named = sdp.transport_ice(section)[0]
    transport = None if named is not None else session.carrier([section.mid or ""])
    return named or ("" if transport is None else transport.local.username_fragment)


def _with_candidates(section: MediaSection, found: GatheredCandidates) -> MediaSection:
    if section.ice_ufrag is None:
        return _with_default_candidate(section, found)
    section = section.with_candidates(*found.candidates)
    if found.complete:
        section = section.with_lines(Line.attribute("end-of-candidates"))
    return _with_default_candidate(section, found)


def _default(found: GatheredCandidates) -> CandidateFields | None:
    return default_candidate(found.candidates, peer_address=found.peer_address)


def _with_default_candidate(section: MediaSection, found: GatheredCandidates) -> MediaSection:
    default = _default(found)
    if default is None or section.bundle_only:
        return section
    line = section.media_line
    section = section.with_media_line(
        MediaLine(line.media, default.port, line.port_count, line.protocol, line.formats)
    ).with_connection(default.address)
    if found.rtcp is None or not section.has("rtcp"):
        return section
    # RFC 9429 section 5.2.1 has a dummy here; a peer that multiplexes nothing reads it (RFC 3605).
    connection = ConnectionLine.of(found.rtcp.address)
    return section.replaced("rtcp", Line.attribute("rtcp", f"{found.rtcp.port} {connection}"))


def _media_line(media: str, port: int, *, protocol: str, formats: tuple[str, ...]) -> Line:
    return Line("m", str(MediaLine(str(media), port, None, protocol, formats)))


def _stream_lines(transceiver: Transceiver) -> Iterator[Line]:
    # RFC 9429 section 5.3.1: the direction of the transceiver counts, not that of the answer; and
    # section 5.2.2: what was once said stays until the transceiver is stopped.
    if transceiver.direction.sends or transceiver.has_sent:
        # RFC 8830 section 2: `-` stands for a track that belongs to no stream.
        for stream in transceiver.streams or ("-",):
            yield Line.attribute("msid", f"{stream} {transceiver.track_id}")


def _ssrc_lines(transceiver: Transceiver, codecs: Sequence[Codec], cname: str) -> Iterator[Line]:
    ssrc, rtx_ssrc = transceiver.ssrc, transceiver.rtx_ssrc
    if transceiver.layers:
        ssrc, rtx_ssrc = transceiver.layers[0].ssrc, transceiver.layers[0].rtx_ssrc
    has_rtx = any(codec.is_rtx for codec in codecs)
    if has_rtx:
        yield Line.attribute("ssrc-group", f"FID {ssrc} {rtx_ssrc}")
    yield Line.attribute("ssrc", f"{ssrc} cname:{cname}")
    if has_rtx:
        yield Line.attribute("ssrc", f"{rtx_ssrc} cname:{cname}")
