"""Addresses that host candidates are announced with, behind a NAT that maps one to one. PURE.

Other stacks call it NAT 1:1 (Pion's `SetNAT1To1IPs`) or the announced address (mediasoup).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, TypeAlias

from peer.errors import ConfigurationError
from peer.values import dataclass, replace

if TYPE_CHECKING:
    from peer.ice import CandidateFields

#: The forms of `PeerConfiguration.announced_addresses`: one address for each IP version, or an
#: address for each local one.
AnnouncedAddresses: TypeAlias = Sequence[str] | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AddressTranslation:
    """Replaces local addresses in our candidates by those that the peer can reach.

    Args:
        by_version: The announced address for each IP version, 4 or 6.
        by_local: The announced address for each local one.
    """

    by_version: Mapping[int, str] = field(default_factory=dict)
    by_local: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, addresses: AnnouncedAddresses) -> AddressTranslation:
        """Make the translation that a configuration asks for.

        Raises:
            ConfigurationError: A value is no unicast address, an address takes the place of one of
                another IP version, or two of one version are announced for all local addresses.
        """
        if isinstance(addresses, Mapping):
            pairs = [(_address(local), _address(public)) for local, public in addresses.items()]
            for local, public in pairs:
                if local.version != public.version:
                    raise ConfigurationError(
                        f"announced_addresses maps {local} to {public}, of another IP version"
                    )
            return cls(by_local={str(local): str(public) for local, public in pairs})
        if isinstance(addresses, str):
            raise ConfigurationError(
                f"announced_addresses is a sequence or a mapping, not {addresses!r}"
            )
        by_version: dict[int, str] = {}
        for public in map(_address, addresses):
            if by_version.setdefault(public.version, str(public)) != str(public):
                raise ConfigurationError(
                    "announced_addresses names several addresses of one IP version: map each to "
                    f"its local address, as in {{'10.0.0.2': '{public}'}}"
                )
        return cls(by_version=by_version)

    def __bool__(self) -> bool:
        return bool(self.by_version or self.by_local)

    def announced(self, local: str) -> str:
        """Return the address that is announced in the place of a local one."""
        try:
            address = ipaddress.ip_address(local)
        except ValueError:
            return local
        return self.by_local.get(str(address)) or self.by_version.get(address.version, local)

    def applied(self, candidate: CandidateFields) -> CandidateFields:
        """Return a local candidate as the peer is to have it.

        The base of a server-reflexive candidate is a local address, which is replaced as well.
        """
        if not self:
            return candidate
        match candidate.type:
            case "host":
                return replace(candidate, address=self.announced(candidate.address))
            case "srflx" if candidate.related_address is not None:
                related = self.announced(candidate.related_address)
                return replace(candidate, related_address=related)
            case _:
                return candidate


def _address(text: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        address = ipaddress.ip_address(text if isinstance(text, str) else "")
    except ValueError:
        raise ConfigurationError(
            f"announced_addresses has IP addresses, such as '203.0.113.7', not {text!r}"
        ) from None
    if address.is_multicast or address.is_unspecified or getattr(address, "scope_id", None):
        raise ConfigurationError(f"{address} in announced_addresses is no address to be reached at")
    return address
