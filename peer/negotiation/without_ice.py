"""Peers without ICE in descriptions: default destinations, ICE mismatch, what stays. PURE.

Such a peer is accepted only where the application asked for it (`IcePolicy.OPTIONAL`). It has no
credentials and no candidates: `c=`, `m=` and `a=rtcp` say where it receives (RFC 3264 section 5.1,
RFC 3605). RFC 8839 section 4.2.5 has ICE left out too where a middle box has put its own address
there and left the candidates of others: an ICE mismatch, which the answer says.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from peer.configuration import IcePolicy, RtcpMuxPolicy
from peer.errors import DescriptionError, ModificationError
from peer.ice import DefaultDestination, WithoutIce
from peer.negotiation.sdp.attributes import ConnectionLine
from peer.negotiation.sdp.lines import Line, words

if TYPE_CHECKING:
    from peer.negotiation.profile import Profile
    from peer.negotiation.sdp.description import MediaSection, Sdp
    from peer.negotiation.session import Session

#: Port of an m-section that has no candidate yet (RFC 8840 section 4.1.1).
_NO_PORT = 9
#: A host name (RFC 1123 section 2.1), in at most 253 characters (RFC 1035 section 2.3.4).
_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_ICE_ATTRIBUTES = ("ice-ufrag", "ice-pwd", "ice-options", "candidate", "remote-candidates")


def has_ice(sdp: Sdp, section: MediaSection) -> bool:
    """Tell whether an m-section has a username fragment or a password of ICE."""
    return any(sdp.transport_ice(section))


def lacks_usable_ice(sdp: Sdp, section: MediaSection, profile: Profile) -> bool:
    """Tell whether an m-section lacks the credentials of ICE, where our policy wants them."""
    if profile.ice is IcePolicy.OPTIONAL and not has_ice(sdp, section):
        return False
    return not all(sdp.transport_ice(section))


def lacks_usable_mux(sdp: Sdp, section: MediaSection, profile: Profile) -> bool:
    """Tell whether an m-section of RTP has a port for RTCP that we do not serve."""
    if section.kind is None or sdp.multiplexes_rtcp(section):
        return False
    # With ICE, RTCP would be a component of its own with checks of its own, which no peer that we
    # know of needs: whoever has ICE has rtcp-mux too (RFC 8834 section 4.5).
    return profile.rtcp_mux is RtcpMuxPolicy.REQUIRE or has_ice(sdp, section)


def without_ice(sdp: Sdp, section: MediaSection, *, mux: bool = True) -> WithoutIce:
    """Read where a peer without ICE receives.

    Args:
        sdp: The description.
        section: The m-section that speaks for the transport.
        mux: Whether RTCP shares the port of RTP.

    Raises:
        DescriptionError: There is no `c=` line, or an address that nothing can be sent to.
    """
    connection = section.connection or sdp.session.connection
    if connection is None:
        raise DescriptionError(
            "the m-section has no c= line, and no ICE to find its peer by", mid=section.mid
        )
    address = _address(connection, line=f"c={connection}", mid=section.mid)
    rtp = DefaultDestination(address, section.media_line.port)
    return WithoutIce(
        rtp, None if mux else _rtcp(section, rtp), mismatch=section.has("ice-mismatch")
    )


def without_mismatched_ice(sdp: Sdp, profile: Profile, *, is_answer: bool) -> Sdp:
    """Leave ICE out of each m-section whose default destination is none of its candidates.

    RFC 8839 section 4.2.5: somebody between the ends has put an address of his own into `c=` and
    `m=`, and checks to the candidates would go past him. An answer that says `a=ice-mismatch` has
    found this in our offer. A peer that trickles, or names its host, has no default candidate yet.

    Returns:
        The description, where each of these m-sections has `a=ice-mismatch`.
    """
    if profile.ice is IcePolicy.REQUIRE:
        return sdp
    changed = {
        index: section.without(*_ICE_ATTRIBUTES, "ice-mismatch").with_lines(
            Line.attribute("ice-mismatch")
        )
        for index, section in enumerate(sdp.media)
        if not section.rejected and _is_mismatch(sdp, section, is_answer=is_answer)
    }
    if not changed:
        return sdp
    # Credentials of the session speak for the others only.
    for index, section in enumerate(sdp.media):
        if index not in changed and not section.ice_ufrag:
            lines = [
                Line.attribute(name, value)
                for name in ("ice-ufrag", "ice-pwd")
                if (value := sdp.session.attribute(name)) is not None
            ]
            changed[index] = section.with_lines(*lines)
    return sdp.with_sections(changed).with_session(sdp.session.without("ice-ufrag", "ice-pwd"))


def check_kept(session: Session, sdp: Sdp) -> None:
    """Check that no m-section in use has lost ICE or the shared port for RTCP.

    An attacker could take both away to lead media elsewhere; one that appears where there was none
    is passed over, and the transport goes on as it is.

    Raises:
        ModificationError: An m-section has lost one of them.
    """
    for section in sdp.media:
        if section.rejected or section.mid is None:
            continue
        carrier = session.carrier([section.mid])
        known = None if carrier is None else session.stable_transport(carrier.key)
        if known is None:
            continue
        if known.without_ice is None and not has_ice(sdp, section):
            raise ModificationError(
                "the m-section had ICE, and has no a=ice-ufrag and no a=ice-pwd any more",
                mid=section.mid,
            )
        if section.kind is not None and known.shares_port and not sdp.multiplexes_rtcp(section):
            raise ModificationError(
                "the m-section had a=rtcp-mux, and has it no more", mid=section.mid
            )


def _is_mismatch(sdp: Sdp, section: MediaSection, *, is_answer: bool) -> bool:
    if section.has("ice-mismatch") or sdp.session.has("ice-mismatch"):
        return True
    connection = section.connection or sdp.session.connection
    candidates = [c for c in section.candidates if c.component == 1]
    # Of those that share a transport the tagged m-section has the candidates.
    if is_answer or connection is None or not candidates or section.bundle_only:
        return False
    try:
        default = ipaddress.ip_address(connection.address)
    except ValueError:
        return False
    port = section.media_line.port
    if default.is_unspecified or port == _NO_PORT:
        return False
    return all((c.address, c.port) != (connection.address, port) for c in candidates)


def _rtcp(section: MediaSection, rtp: DefaultDestination) -> DefaultDestination:
    """Read where RTCP goes (RFC 3605), else to the next port (RFC 3550 section 11)."""
    attribute = section.attribute("rtcp")
    if attribute is None:
        return DefaultDestination(rtp.address, min(rtp.port + 1, 65535))
    match words(attribute):
        case [port]:
            address = rtp.address
        case [port, network, address_type, address]:
            connection = ConnectionLine(network, address_type, address)
            address = _address(connection, line=f"a=rtcp:{attribute}", mid=section.mid)
        case _:
            port, address = "", ""
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536):
        raise DescriptionError(
            "a=rtcp is a port, and an address where it is another one",
            line=f"a=rtcp:{attribute}",
            mid=section.mid,
        )
    return DefaultDestination(address, int(port))


def _address(connection: ConnectionLine, *, line: str, mid: str | None) -> str:
    """Read an address, or the name of one, that datagrams can be sent to.

    Raises:
        DescriptionError: It is neither.
    """
    address = connection.address
    try:
        reason = "a multicast address" if ipaddress.ip_address(address).is_multicast else None
    except ValueError:
        reason = None if _HOST_NAME.fullmatch(address) else "neither an address nor a name"
    if connection.network != "IN" or reason is not None:
        raise DescriptionError(
            f"media cannot be sent to {reason or f'an address of {connection.network}'}",
            line=line,
            mid=mid,
        )
    return address
