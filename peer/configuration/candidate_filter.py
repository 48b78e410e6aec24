"""Decides which candidates of the peer are checked, by address and port. PURE.

A check is a datagram to whatever address the peer names, and a server that takes every address
knocks on its own network for strangers (RFC 8445 section 19.5.1, RFC 8828 section 3).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from enum import StrEnum
from typing import Final, Self, TypeAlias

from peer.errors import ConfigurationError
from peer.values import assign, dataclass

_IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressKind(StrEnum):
    """The part of the address space that the address of a candidate lies in."""

    PUBLIC = "public"
    PRIVATE = "private"
    LINK_LOCAL = "link-local"
    LOOPBACK = "loopback"
    METADATA = "metadata"
    RESERVED = "reserved"


#: Addresses at which clouds give credentials or settings of a machine to whoever asks from inside:
#: most of them, AWS, Google, Alibaba, Oracle, Azure (from their manuals).
_METADATA: Final = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
    )
)
#: Shared by the customers of a provider behind one NAT (RFC 6598).
_SHARED: Final = ipaddress.ip_network("100.64.0.0/10")
#: IPv6 addresses with an IPv4 address in their last 32 bits: NAT64 (RFC 6052 section 2.1), and
#: IPv4-compatible ones (RFC 4291 section 2.5.5.1).
_EMBEDDING: Final = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96")))
#: NAT64 of a local network (RFC 8215).
_LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
#: Lowest port at which no system service is (RFC 6335 section 6).
_LOWEST_PORT: Final = 1024
#: Ports below that at which TURN servers relay through firewalls, as libwebrtc takes them.
_WEB_PORTS: Final = frozenset({80, 443})
_ELSEWHERE: Final = frozenset({AddressKind.PUBLIC, AddressKind.RESERVED})


def without_embedding(address: _IpAddress) -> _IpAddress:
    """Return the IPv4 address that an IPv6 address leads to, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address) or int(address) <= 1:
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _EMBEDDING):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def kind_of(address: _IpAddress) -> AddressKind:
    """Tell the kind of an address, for an IPv6 address that leads to an IPv4 one that one's."""
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        # RFC 4007 section 11: a zone says where an address is, and makes no other one of it.
        address = ipaddress.IPv6Address(int(address))
    address = without_embedding(address)
    if address in _METADATA:
        return AddressKind.METADATA
    # Linux takes 0.0.0.0 and :: as a destination for the loopback.
    if address.is_loopback or address.is_unspecified:
        return AddressKind.LOOPBACK
    if address.is_link_local:
        return AddressKind.LINK_LOCAL
    if address in _SHARED or address in _LOCAL_NAT64 or getattr(address, "is_site_local", False):
        return AddressKind.PRIVATE
    if address.is_multicast or address.is_reserved:
        return AddressKind.RESERVED
    if address.is_global:
        return AddressKind.PUBLIC
    return AddressKind.PRIVATE if any(address in n for n in _PRIVATE) else AddressKind.RESERVED


#: Networks for private use (RFC 1918, RFC 4193).
_PRIVATE: Final = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateFilter:
    """Selects the candidates of the peer that are checked; by default those that a browser checks.

    Ports below 1024 are refused, but for 80 and 443 of addresses that are not local, as libwebrtc
    has it. An address from which the peer's own checks come is not named by it, and is answered.

    Args:
        refused: Kinds of addresses that are not checked.
        names: Whether mDNS names are looked up (`.local`); other names never are. The filter holds
            for the address that is found.

    Raises:
        ConfigurationError: A kind of address is unknown.
    """

    refused: Collection[AddressKind] = ()
    names: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.refused, str):
            raise ConfigurationError("refused is a collection of kinds of addresses")
        try:
            refused = frozenset(map(AddressKind, self.refused))
        except ValueError as error:
            kinds = ", ".join(repr(kind.value) for kind in AddressKind)
            raise ConfigurationError(f"refused has kinds of addresses ({kinds}): {error}") from None
        assign(self, "refused", refused)

    @classmethod
    def for_servers(cls) -> Self:
        """Make the filter for a server on the internet with strangers as peers: public addresses.

        Browsers and other peers behind a NAT are reached all the same: by their server-reflexive
        candidates, and because their own checks are answered.
        """
        return cls(refused=frozenset(AddressKind) - {AddressKind.PUBLIC}, names=False)

    def refusal(self, address: str, port: int) -> str | None:
        """Return why a candidate is not checked, in a few words; None where it is.

        Args:
            address: The address of the candidate, or an mDNS name.
            port: The port of the candidate.
        """
        try:
            kind = kind_of(ipaddress.ip_address(address))
        except ValueError:
            kind = None
        if kind is None and not self.names:
            return "names are not looked up"
        if kind in self.refused:
            return f"its address is {kind}"
        if port < _LOWEST_PORT and not (
            port in _WEB_PORTS and (kind is None or kind in _ELSEWHERE)
        ):
            return f"port {port} is below {_LOWEST_PORT:,}"
        return None
