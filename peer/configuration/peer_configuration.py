"""Validates the choices that an application makes for a connection. PURE."""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from peer.argument_types import wrong_class
from peer.configuration.announced_addresses import AddressTranslation, AnnouncedAddresses
from peer.configuration.candidate_filter import CandidateFilter
from peer.configuration.ice_server import IceServer
from peer.configuration.sdes import Sdes
from peer.configuration.sdp_leniency import DEFAULT_LENIENCY, SdpLeniency
from peer.configuration.security_policy import (
    BestEffort,
    EarlyMedia,
    SecurityPolicy,
    SrtpProfile,
)
from peer.errors import ConfigurationError
from peer.identity.fingerprints import WEAK_HASHES, HashFunction
from peer.trust import Authority, Trust, TrustLevel
from peer.trust.peer_store import MAX_NAME
from peer.values import assign, dataclass

if TYPE_CHECKING:
    from peer.identity.certificate import Certificate
    from peer.times import Seconds
    from peer.tracing.events import TraceSink

#: Shortest time that `rekey_after` takes (ours).
_LEAST_REKEY_INTERVAL = datetime.timedelta(seconds=1)
#: Most packets that `rekey_after` takes: half of what SRTCP allows under one key, 2^31 packets, the
#: least of all limits (RFC 3711 section 9.2).
_MOST_REKEY_PACKETS = 2**30
#: Highest value of `iceCandidatePoolSize` (W3C webrtc-pc section 4.2.1: an octet).
_LARGEST_POOL = 255
#: Highest value of `max_forks` (ours): each may hold a transport for a peer that only knocked.
_MOST_FORKS = 1024
_EnumT = TypeVar("_EnumT", bound=StrEnum)


class IceTransportPolicy(StrEnum):
    """The local candidates that ICE may use (W3C webrtc-pc section 4.2.4)."""

    ALL = "all"
    RELAY = "relay"


class BundlePolicy(StrEnum):
    """The number of transports that an offer gathers for (W3C webrtc-pc section 4.2.5)."""

    BALANCED = "balanced"
    MAX_COMPAT = "max-compat"
    MAX_BUNDLE = "max-bundle"


class IcePolicy(StrEnum):
    """Acceptance of a peer without ICE (RFC 5763 section 6.7.2)."""

    #: Only peers with ICE, as W3C has it: RFC 8827 section 6.5 wants consent before media.
    REQUIRE = "require"
    #: Peers without ICE too, such as SIP phones and gateways.
    OPTIONAL = "optional"


class RtcpMuxPolicy(StrEnum):
    """Acceptance of RTCP on a port of its own (W3C webrtc-pc section 4.2.6)."""

    NEGOTIATE = "negotiate"
    REQUIRE = "require"


class AnswerRole(StrEnum):
    """The answer to `a=setup:actpass` (RFC 5763 section 5: `active` is the default)."""

    ACTIVE = "active"
    PASSIVE = "passive"


@dataclass(frozen=True, slots=True)
class SdpLimits:
    """Bounds on a received description, which is refused beyond them.

    `size` is in bytes: 400 m-sections of video as ours have room.
    """

    size: int = 1280 * 1024
    media_sections: int = 1024
    attributes: int = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerConfiguration:
    """The choices for a connection, most of them fixed when it is made. `repr` shows no secret.

    Args:
        iceServers: STUN and TURN servers, all of them used. Empty by default: no third party is
            contacted unless the application names one.
        iceTransportPolicy: `"all"`, or `"relay"` to use TURN only.
        bundlePolicy: `"balanced"` as in W3C, `"max-compat"`, or `"max-bundle"`.
        ice: `"require"`, or `"optional"` to accept a peer without ICE, such as a SIP phone or a
            gateway, by a path that a DTLS handshake confirms (RFC 5763 section 6.7.2).
        iceCandidatePoolSize: W3C's hint to gather candidates before they are asked for, 0 to 255.
            Nothing is gathered early: sockets are bound with the description, which has their
            candidates at once.
        alwaysNegotiateDataChannels: Each offer has the m-section of data channels, in front of new
            media, without a channel too (webrtc-extensions).
        rtcp_mux: `"require"`, or `"negotiate"` to accept RTCP on a port of its own, of a peer
            without ICE. W3C calls it `rtcpMuxPolicy`, by which it can be read as well.
        certificates: The certificates that you hold; a fresh one for each connection by default, so
            that nothing links two connections (RFC 5763 section 6.1). One of them is shown: the
            first that lasts a week more, with a voucher of each before it; a rekey looks again.
            None may have expired.
        answer_role: The DTLS role to choose where the offer leaves the choice to us.
        srtp_profiles: SRTP profiles to offer and accept, the preferred one first. The order of the
            DTLS server decides.
        accepted_hashes: Hash functions that a peer's fingerprint may use.
        early_media: Treatment of media that arrives before the answer with the peer's fingerprint:
            `"hold"` buffers a little of it until then, `"unverified"` hands it over with
            `receiver.verified` False.
        best_effort: What becomes of media with a peer that shows no key management at all:
            `"off"` refuses it, `"plain-rtp"` lets it flow unencrypted, which `unencrypted` tells
            (RFC 8643; see docs/SECURITY.md).
        sdes: SRTP with keys that signalling carries (RFC 4568), for trunks that have no DTLS: an
            `Sdes` offers that, and takes it of a peer that shows no fingerprint. None by default.
        handshake_timeout: Longest time for a DTLS handshake once ICE has a path and the peer has
            our description, in seconds.
        connect_timeout: Longest time in seconds that a peer is waited for whose candidates have not
            all come, or who may not have our answer yet, as a person may carry it.
        rekey_after: Ask for new keys after this time (a `timedelta` of a second or more), or
            after this many packets sent and received (an `int`, at most 2^30), a little earlier by
            chance. A peer that has kept its association when it was asked is not asked again.
        rekey_keep_path: Whether what `rekey_after` asks for keeps the path, as `keep_path` of
            `PeerConnection.rekey`: where ports or relays are scarce, or peers cannot restart ICE.
        key_log: A file to append the session keys to, for Wireshark, in NSS key log format; the
            variable SSLKEYLOGFILE names one as well. These keys decrypt everything that was sent,
            so the log is off by default, and a warning is logged when it is on.
        sdp_limits: Bounds on descriptions received.
        sdp_leniency: What is taken of the peer beyond the grammar of SDP; see `SdpLeniency`.
        max_candidates: Candidates accepted from the peer for one m-section.
        interfaces: Local addresses to use, for example `("127.0.0.1",)`; all of them by default.
        port_range: The first and last UDP port that host candidates may have, such as
            `(50000, 50099)`; any free port by default. Connections may share a range: each ICE
            generation of each transport takes a port on each local address.
        one_port: The UDP port that all connections of this event loop share, such as `50000`, on
            each local address; by default each has ports of its own. Offers are bundled then. For
            servers: two connections with one address and port as their peer cannot share it.
        ice_tcp: Use TCP as well, where no UDP gets through (RFC 6544): candidates that a peer
            connects to, on `one_port` or in `port_range` where one is given, and connections to
            those of the peer.
        dtls_in_stun: Carry the DTLS handshake in ICE's connectivity checks, where the peer does as
            well (SPED, draft-hancke-webrtc-sped): a round trip less to the first packet. With other
            peers nothing changes.
        announced_addresses: Addresses that host candidates are announced with in place of the local
            ones, behind a NAT that maps one to one: one for each IP version, such as
            `("203.0.113.7",)`, or one for each local address, such as
            `{"10.0.0.2": "203.0.113.7"}`. The ports stay.
        remote_candidates: Which candidates of the peer are checked: those that a browser checks, or
            with `CandidateFilter.for_servers()` public addresses only.
        max_forks: Peers that may answer one offer, each by `PeerConnection.fork`, at one time; as
            many are served before their answers. 0 for none.
        trust: What is asked of the peer beyond the handshake: known peers, authorities, signatures,
            a phrase; see `peer.trust.Trust`. An `Authority` alone stands for a `Trust` that
            requires it. Nothing by default: signalling says who the peer is.
        peer_name: The name that the peer is remembered by, or that its certificate must have.
        trace: A sink for the events of the wire and the decisions; see `peer.tracing.events`.

    Raises:
        ConfigurationError: A value is out of its range.
    """

    iceServers: Sequence[IceServer] = ()
    iceTransportPolicy: IceTransportPolicy = IceTransportPolicy.ALL
    iceCandidatePoolSize: int = 0
    alwaysNegotiateDataChannels: bool = False
    bundlePolicy: BundlePolicy = BundlePolicy.BALANCED
    ice: IcePolicy = IcePolicy.REQUIRE
    rtcp_mux: RtcpMuxPolicy = RtcpMuxPolicy.REQUIRE
    certificates: Sequence[Certificate] = ()
    answer_role: AnswerRole = AnswerRole.ACTIVE
    srtp_profiles: Sequence[SrtpProfile] = tuple(SrtpProfile)
    accepted_hashes: Sequence[HashFunction] = tuple(HashFunction)
    early_media: EarlyMedia = EarlyMedia.HOLD
    best_effort: BestEffort = BestEffort.OFF
    sdes: Sdes | None = None
    handshake_timeout: Seconds = 30.0
    connect_timeout: Seconds = 300.0
    rekey_after: datetime.timedelta | int | None = None
    rekey_keep_path: bool = False
    key_log: str | os.PathLike[str] | None = None
    sdp_limits: SdpLimits = field(default_factory=SdpLimits)
    sdp_leniency: Collection[SdpLeniency] = DEFAULT_LENIENCY
    max_candidates: int = 128
    interfaces: Sequence[str] | None = None
    port_range: tuple[int, int] | None = None
    one_port: int | None = None
    ice_tcp: bool = False
    dtls_in_stun: bool = False
    announced_addresses: AnnouncedAddresses = ()
    remote_candidates: CandidateFilter = field(default_factory=CandidateFilter)
    max_forks: int = 16
    trust: Trust | Authority | None = None
    peer_name: str | None = None
    trace: TraceSink | None = None

    def __post_init__(self) -> None:
        for name, enum in (
            ("iceTransportPolicy", IceTransportPolicy),
            ("bundlePolicy", BundlePolicy),
            ("ice", IcePolicy),
            ("rtcp_mux", RtcpMuxPolicy),
            ("answer_role", AnswerRole),
            ("early_media", EarlyMedia),
            ("best_effort", BestEffort),
        ):
            assign(self, name, _member(name, enum, getattr(self, name)))
        assign(self, "iceServers", _ice_servers(self.iceServers))
        assign(self, "certificates", tuple(self.certificates))
        profiles = _members("srtp_profiles", SrtpProfile, self.srtp_profiles)
        assign(self, "srtp_profiles", profiles)
        # RFC 8122 section 5: "MD5 and MD2 ... MUST NOT"; sha-1 is too weak by now as well.
        weak = [str(name) for name in self.accepted_hashes if str(name) in WEAK_HASHES]
        if weak:
            raise ConfigurationError(f"the hash {weak[0]} is too weak for a fingerprint")
        accepted = _members("accepted_hashes", HashFunction, self.accepted_hashes)
        assign(self, "accepted_hashes", accepted)
        leniency = frozenset(
            _member("sdp_leniency", SdpLeniency, each) for each in self.sdp_leniency
        )
        assign(self, "sdp_leniency", leniency)
        pool: object = self.iceCandidatePoolSize
        if type(pool) is not int or not 0 <= pool <= _LARGEST_POOL:
            raise ConfigurationError(
                f"iceCandidatePoolSize is from 0 to {_LARGEST_POOL}, not {pool!r}"
            )
        forks: object = self.max_forks
        if type(forks) is not int or not 0 <= forks <= _MOST_FORKS:
            raise ConfigurationError(f"max_forks is from 0 to {_MOST_FORKS}, not {forks!r}")
        if self.max_candidates < 1:
            raise ConfigurationError("max_candidates is at least 1")
        for name in ("handshake_timeout", "connect_timeout"):
            timeout = getattr(self, name)
            if not (math.isfinite(timeout) and timeout > 0):
                raise ConfigurationError(f"{name} is a positive number of seconds")
        _check_rekey_after(self.rekey_after)
        announced = self.announced_addresses
        # Read once only, as it may be an iterator.
        if not isinstance(announced, str | Mapping):
            announced = tuple(announced)
            assign(self, "announced_addresses", announced)
        AddressTranslation.of(announced)
        if self.port_range is not None:
            assign(self, "port_range", _port_range(self.port_range))
        _check_flag("ice_tcp", self.ice_tcp)
        _check_flag("dtls_in_stun", self.dtls_in_stun)
        _check_flag("alwaysNegotiateDataChannels", self.alwaysNegotiateDataChannels)
        _check_one_port(self.one_port, self.port_range, self.bundlePolicy)
        _check_ice(self.ice, self.rtcp_mux, self.one_port)
        _check_sdes(self.sdes, self.best_effort, always_data=self.alwaysNegotiateDataChannels)
        for certificate in self.certificates:
            _check_expiry(certificate)
        assign(self, "trust", _trust(self.trust))
        self._check_trust()

    def _check_trust(self) -> None:
        name, trust = self.peer_name, self.trust_asked
        if name is not None and not 0 < len(name) <= MAX_NAME:
            raise ConfigurationError(f"peer_name has 1 to {MAX_NAME} characters")
        if trust is None:
            return
        if trust.known_peers is not None and name is None:
            raise ConfigurationError("known_peers needs peer_name, which a peer is known by")
        if self.best_effort is not BestEffort.OFF and trust.require is not TrustLevel.NOTHING:
            raise ConfigurationError("best_effort and what trust requires contradict")
        if self.sdes is not None and (trust.phrase or trust.require is not TrustLevel.NOTHING):
            raise ConfigurationError("sdes, which has no certificates, and trust contradict")
        if self.early_media is EarlyMedia.UNVERIFIED and trust.require is not TrustLevel.NOTHING:
            raise ConfigurationError("early_media 'unverified' and what trust requires contradict")

    @property
    def rtcpMuxPolicy(self) -> RtcpMuxPolicy:
        """The value of `rtcp_mux` by its name in W3C webrtc-pc (section 4.2.6)."""
        return self.rtcp_mux

    @property
    def trust_asked(self) -> Trust | None:
        """Demands on the peer beyond the handshake; an `Authority` has become a `Trust`."""
        return self.trust if isinstance(self.trust, Trust) else None

    @property
    def security(self) -> SecurityPolicy:
        """The choices of this configuration that concern the security of transports."""
        return SecurityPolicy(
            srtp_profiles=tuple(self.srtp_profiles),
            accepted_hashes=tuple(self.accepted_hashes),
            early_media=self.early_media,
            handshake_timeout=self.handshake_timeout,
            connect_timeout=self.connect_timeout,
        )


def checked_configuration(configuration: object) -> PeerConfiguration | None:
    """Return the configuration of a connection, or None where there is none.

    Raises:
        ConfigurationError: It is something else.
    """
    if configuration is None or isinstance(configuration, PeerConfiguration):
        return configuration
    sentence = wrong_class(configuration, PeerConfiguration, place="PeerConnection")
    raise ConfigurationError(sentence)


def _ice_servers(servers: object) -> tuple[IceServer, ...]:
    if isinstance(servers, IceServer | Mapping | str) or not isinstance(servers, Iterable):
        raise ConfigurationError(
            f"iceServers is a sequence of IceServer, not {type(servers).__name__}"
        )
    servers = tuple(servers)
    for server in servers:
        if not isinstance(server, IceServer):
            raise ConfigurationError(wrong_class(server, IceServer, place="iceServers"))
    return servers


def _member(name: str, enum: type[_EnumT], value: object) -> _EnumT:
    if isinstance(value, enum):
        return value
    for member in enum:
        if member == value:
            return member
    choices = ", ".join(repr(member.value) for member in enum)
    raise ConfigurationError(f"{name} is one of {choices}, not {value!r}")


def _members(name: str, enum: type[_EnumT], values: Sequence[object]) -> tuple[_EnumT, ...]:
    if isinstance(values, str) or not values:
        raise ConfigurationError(f"{name} is a sequence with at least one element")
    members = tuple(_member(name, enum, value) for value in values)
    if len(set(members)) < len(members):
        raise ConfigurationError(f"{name} names one of its elements twice")
    return members


def _port_range(ports: object) -> tuple[int, int]:
    match ports:
        case (int() as first, int() as last) if 0 < first <= last < 65536:
            return int(first), int(last)
        case _:
            raise ConfigurationError(
                "port_range is the first and the last of some ports from 1 to 65535, such as "
                f"(50000, 50099), not {ports!r}"
            )


def _check_one_port(port: object, port_range: object, policy: BundlePolicy) -> None:
    if port is None:
        return
    if isinstance(port, bool) or not (isinstance(port, int) and 0 < port < 65536):
        raise ConfigurationError(f"one_port is a port from 1 to 65535, not {port!r}")
    if port_range is not None:
        raise ConfigurationError("one_port and port_range exclude each other")
    if policy is BundlePolicy.MAX_COMPAT:
        # Each m-section would gather for itself, with the credentials of the others.
        raise ConfigurationError("one_port and bundlePolicy 'max-compat' exclude each other")


def _check_ice(ice: IcePolicy, rtcp_mux: RtcpMuxPolicy, one_port: int | None) -> None:
    if ice is IcePolicy.REQUIRE and rtcp_mux is RtcpMuxPolicy.NEGOTIATE:
        raise ConfigurationError(
            "rtcp_mux 'negotiate' needs ice 'optional': every peer with ICE shares the port"
        )
    if ice is IcePolicy.OPTIONAL and one_port is not None:
        # A datagram of a peer without ICE names no connection, and comes from any address.
        raise ConfigurationError("one_port and ice 'optional' exclude each other")


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} is True or False, not {value!r}")


def _check_sdes(sdes: object, best_effort: BestEffort, *, always_data: bool) -> None:
    if sdes is None:
        return
    if not isinstance(sdes, Sdes):
        raise ConfigurationError(f"sdes is an Sdes or None, not {type(sdes).__name__}")
    if best_effort is not BestEffort.OFF:
        raise ConfigurationError("sdes and best_effort exclude each other")
    if always_data:
        raise ConfigurationError("sdes and alwaysNegotiateDataChannels exclude each other")


def _check_rekey_after(after: object) -> None:
    match after:
        case None:
            return
        case datetime.timedelta() if after >= _LEAST_REKEY_INTERVAL:
            return
        case datetime.timedelta():
            raise ConfigurationError("rekey_after is at least one second")
        case int() if not isinstance(after, bool) and 1 <= after <= _MOST_REKEY_PACKETS:
            return
        case _:
            raise ConfigurationError(
                "rekey_after is a timedelta, or a number of packets from 1 to "
                f"{_MOST_REKEY_PACKETS}"
            )


def _trust(given: object) -> Trust | None:
    if given is None or isinstance(given, Trust):
        return given
    if isinstance(given, Authority):
        return Trust(authority=given, require=TrustLevel.AUTHORITY)
    raise ConfigurationError(f"trust is a Trust or an Authority, not {type(given).__name__}")


def _check_expiry(certificate: Certificate) -> None:
    if certificate.expires <= datetime.datetime.now(datetime.UTC):
        raise ConfigurationError(
            f"the certificate {certificate.fingerprint()} has expired on "
            f"{certificate.expires:%Y-%m-%d}"
        )
