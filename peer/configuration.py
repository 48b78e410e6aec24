"""Owns what an application may choose for a connection, with its bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from peer.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.identity.certificate import Certificate
    from peer.trace import TraceSink


class IceTransportPolicy(StrEnum):
    """Which candidates are used (W3C webrtc-pc section 4.2.4)."""

    ALL = "all"
    RELAY = "relay"


class BundlePolicy(StrEnum):
    """How many transports an offer gathers for (W3C webrtc-pc section 4.2.5)."""

    BALANCED = "balanced"
    MAX_COMPAT = "max-compat"
    MAX_BUNDLE = "max-bundle"


class AnswerRole(StrEnum):
    """What we answer to `a=setup:actpass` (RFC 5763 section 5: `active` is the default)."""

    ACTIVE = "active"
    PASSIVE = "passive"


@dataclass(frozen=True, slots=True)
class SdpLimits:
    """Bounds on a received description; `size` is in bytes. One that exceeds them is refused."""

    size: int = 256 * 1024
    media_sections: int = 1024
    attributes: int = 4096


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server (W3C webrtc-pc section 4.2.2).

    Args:
        urls: `stun:`, `turn:` or `turns:` URLs (RFC 7064, RFC 7065); one or several.
        username: For TURN.
        credential: For TURN.
    """

    urls: str | Sequence[str]
    username: str | None = None
    credential: str | None = None

    def __post_init__(self) -> None:
        urls = (self.urls,) if isinstance(self.urls, str) else tuple(self.urls)
        if not urls:
            raise ConfigurationError("an IceServer needs at least one URL")
        for url in urls:
            scheme = url.partition(":")[0]
            if scheme not in ("stun", "turn", "turns"):
                raise ConfigurationError(
                    f"an ICE server URL starts with stun:, turn: or turns:, not {url!r}"
                )
            if scheme != "stun" and (self.username is None or self.credential is None):
                raise ConfigurationError(f"{url!r} needs a username and a credential")
        object.__setattr__(self, "urls", urls)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerConfiguration:
    """Everything that is fixed when a connection is made.

    Args:
        iceServers: STUN and TURN servers, all of them used. None by default: a peer that
            contacts no third party unless it is told to.
        iceTransportPolicy: `"all"`, or `"relay"` to use TURN only.
        bundlePolicy: `"balanced"` as in W3C, `"max-compat"`, or `"max-bundle"`.
        certificates: The identity to show; a fresh one for each connection by default, so that
            nothing links two of them (RFC 5763 section 6.1). The first one is used.
        answer_role: The DTLS role to choose where the offer leaves the choice to us.
        sdp_limits: Bounds on descriptions received.
        max_candidates: Candidates accepted from the peer for one m-section.
        interfaces: Local addresses to use, for example `("127.0.0.1",)`; all of them by default.
        trace: Told of what happens on the wire and why; see `peer.trace`.
    """

    iceServers: Sequence[IceServer] = ()
    iceTransportPolicy: IceTransportPolicy = IceTransportPolicy.ALL
    bundlePolicy: BundlePolicy = BundlePolicy.BALANCED
    certificates: Sequence[Certificate] = ()
    answer_role: AnswerRole = AnswerRole.ACTIVE
    sdp_limits: SdpLimits = field(default_factory=SdpLimits)
    max_candidates: int = 128
    interfaces: Sequence[str] | None = None
    trace: TraceSink | None = None

    def __post_init__(self) -> None:
        for name, enum in (
            ("iceTransportPolicy", IceTransportPolicy),
            ("bundlePolicy", BundlePolicy),
            ("answer_role", AnswerRole),
        ):
            value = getattr(self, name)
            if value not in list(enum):
                choices = ", ".join(repr(member.value) for member in enum)
                raise ConfigurationError(f"{name} is one of {choices}, not {value!r}")
            object.__setattr__(self, name, enum(value))
        object.__setattr__(self, "iceServers", tuple(self.iceServers))
        object.__setattr__(self, "certificates", tuple(self.certificates))
        if self.max_candidates < 1:
            raise ConfigurationError("max_candidates is at least 1")
