"""Potential configurations of an offer (RFC 5939): DTLS-SRTP that stands beside plain RTP. PURE.

Of SDP capability negotiation we take one thing: an m-section whose actual configuration is plain
RTP, and one of whose potential configurations is DTLS-SRTP, is read as if it had offered that, and
answered so with `a=acfg`. RFC 5763 section 7.1 offers best effort in this way. All else that RFC
5939 can say is passed over, as its section 3.3 allows: the actual configuration holds then.
"""

from __future__ import annotations

from itertools import chain, islice, product
from typing import TYPE_CHECKING, Final, NamedTuple

from peer.errors import DescriptionError
from peer.negotiation.keying import PLAIN_PROTOCOLS
from peer.negotiation.sdp.attributes import MediaLine
from peer.negotiation.sdp.lines import Line, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from peer.negotiation.sdp.description import MediaSection, Sdp
    from peer.negotiation.sdp.section import Section

#: Profiles of DTLS-SRTP over UDP (RFC 5764 section 8).
_DTLS_PROTOCOLS: Final = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP"})
#: Attributes that a configuration may add: those of a DTLS association.
_TAKEN: Final = frozenset({"fingerprint", "setup", "tls-id", "connection"})
#: Configurations of an m-section that are looked at (ours): each line may list many.
_MOST: Final = 32


class _Configuration(NamedTuple):
    """One potential configuration of an m-section, by the numbers of its capabilities."""

    number: int
    transport: int
    attributes: tuple[int, ...]

    def __str__(self) -> str:
        attributes = f" a={','.join(map(str, self.attributes))}" if self.attributes else ""
        return f"{self.number} t={self.transport}{attributes}"


def with_secure_configurations(offer: Sdp) -> Sdp:
    """Give an offer whose m-sections of plain RTP are DTLS-SRTP where that is a configuration.

    The number of what was taken stands in the m-section as `a=acfg`, for the answer.

    Args:
        offer: The offer, as it was read.
    """
    changed: dict[int, MediaSection] = {}
    for index, section in enumerate(offer.media):
        # An `a=acfg` of the peer's would be taken for ours.
        found = section.without("acfg") if section.has("acfg") else section
        if section.has("pcfg") and section.media_line.protocol in PLAIN_PROTOCOLS:
            found = _secured(offer, found)
        if found is not section:
            changed[index] = found
    return offer.with_sections(changed)


def _secured(offer: Sdp, section: MediaSection) -> MediaSection:
    levels = (offer.session, section)
    protocols = dict(chain.from_iterable(map(_transport_capabilities, levels)))
    attributes = dict(chain.from_iterable(map(_attribute_capabilities, levels)))
    # RFC 5939 section 3.5.1: the lowest number is preferred.
    configurations = sorted(islice(_configurations(section), _MOST), key=lambda each: each.number)
    for configuration in configurations:
        protocol = protocols.get(configuration.transport)
        if protocol is None or protocol not in _DTLS_PROTOCOLS:
            continue
        try:
            secured = _applied(section, configuration, protocol=protocol, attributes=attributes)
        except (DescriptionError, ValueError):
            continue
        if secured is not None and (secured.fingerprints or offer.transport_fingerprints(section)):
            return secured
    return section


def _applied(
    section: MediaSection,
    configuration: _Configuration,
    *,
    protocol: str,
    attributes: Mapping[int, str],
) -> MediaSection | None:
    """Give an m-section in a configuration; None where it has an attribute that we do not take.

    Raises:
        DescriptionError: An attribute is malformed, or contradicts the actual configuration.
        ValueError: What is to be added is no attribute.
    """
    texts = [attributes.get(number, "") for number in configuration.attributes]
    lines = [Line("a", text) for text in texts]
    if not all(line.name in _TAKEN for line in lines):
        return None
    head = section.media_line
    line = MediaLine(head.media, head.port, head.port_count, protocol, head.formats)
    return section.with_lines(*lines, Line.attribute("acfg", configuration)).with_media_line(line)


def _transport_capabilities(section: Section) -> Iterator[tuple[int, str]]:
    for line in section.attributes("tcap"):
        match words(line.argument):
            case [number, *protocols] if _is_number(number):
                yield from enumerate(protocols, int(number))
            case _:
                continue


def _attribute_capabilities(section: Section) -> Iterator[tuple[int, str]]:
    for line in section.attributes("acap"):
        number, _, attribute = line.argument.strip(" ").partition(" ")
        if _is_number(number):
            yield int(number), attribute.strip(" ")


def _configurations(section: MediaSection) -> Iterator[_Configuration]:
    for line in section.attributes("pcfg"):
        match words(line.argument):
            case [number, *parts] if _is_number(number):
                yield from _alternatives(int(number), parts)
            case _:
                continue


def _alternatives(number: int, parts: list[str]) -> Iterator[_Configuration]:
    """List what one `a=pcfg` may mean, the preferred first; nothing where it asks for more."""
    named = {part.partition("=")[0]: part.partition("=")[2] for part in parts}
    # RFC 5939 section 3.5.1: `+` marks an extension that has to be understood.
    if "t" not in named or any(name.startswith("+") for name in named):
        return
    transports = [int(each) for each in named["t"].split("|") if _is_number(each)]
    lists = [_attribute_list(each) for each in named.get("a", "").split("|")]
    for transport, attributes in product(transports, lists):
        if attributes is not None:
            yield _Configuration(number, transport, attributes)


def _attribute_list(text: str) -> tuple[int, ...] | None:
    """Read the mandatory attribute capabilities of `1,2,[3]`.

    None where attributes of the actual configuration are to go (`-m:`): the answer would be about
    another m-section than the one that has been read.
    """
    mandatory = text.partition("[")[0].strip(",")
    numbers = mandatory.split(",") if mandatory else []
    return tuple(map(int, numbers)) if all(map(_is_number, numbers)) else None


def _is_number(text: str) -> bool:
    # RFC 5939 section 3.3: 1 to 2^31 - 1.
    return text.isascii() and text.isdigit() and 0 < len(text) <= len("2147483647")
