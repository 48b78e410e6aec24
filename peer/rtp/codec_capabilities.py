"""Codecs and header extensions as `getCapabilities` gives them (W3C webrtc-pc section 5.2)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from peer.errors import InvalidModificationError
from peer.rtp.capabilities import capabilities
from peer.rtp_parameters import MediaKind
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from peer.rtp_parameters import Codec


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpCodec:
    """A codec without a payload type (RTCRtpCodec).

    Args:
        mimeType: The kind and the encoding name, such as `video/VP8`.
        clockRate: The RTP clock rate in Hz.
        channels: The number of audio channels; None for video.
        sdpFmtpLine: The parameters as `a=fmtp` has them; None where there are none.
    """

    mimeType: str
    clockRate: int
    channels: int | None = None
    sdpFmtpLine: str | None = None

    @classmethod
    def of(cls, codec: Codec) -> RtpCodec:
        """Make the capability of one of our codecs; RTX is one for all codecs of a kind."""
        parameters = () if codec.is_rtx else codec.parameters
        line = ";".join(name if value is None else f"{name}={value}" for name, value in parameters)
        return cls(
            mimeType=codec.mimeType,
            clockRate=codec.clock_rate,
            channels=codec.channels,
            sdpFmtpLine=line or None,
        )


@dataclasses.dataclass(slots=True)
class RtpHeaderExtensionCapability:
    """A header extension that can be negotiated (RTCRtpHeaderExtensionCapability).

    Args:
        uri: Its name.
        direction: `sendrecv`, `sendonly`, `recvonly`, `inactive`, or `stopped`: not negotiated.
    """

    uri: str
    direction: str = "sendrecv"


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpMediaCapabilities:
    """The result of `getCapabilities`: what can be sent or received (RTCRtpCapabilities).

    Args:
        codecs: Codecs that an offer of ours names, the most preferred first.
        headerExtensions: Header extensions that an offer of ours names.
    """

    codecs: tuple[RtpCodec, ...]
    headerExtensions: tuple[RtpHeaderExtensionCapability, ...]


def media_capabilities(kind: str, *, receives: bool) -> RtpMediaCapabilities | None:
    """Return the capabilities of senders or receivers of a kind; None where there is no such kind.

    Args:
        kind: `"audio"` or `"video"`.
        receives: Whether those of receivers are asked for, who decode more than senders encode.
    """
    if kind not in tuple(MediaKind):
        return None
    ours = capabilities(MediaKind(kind))
    codecs = (*ours.codecs, *ours.receive_only) if receives else ours.codecs
    return RtpMediaCapabilities(
        codecs=tuple(dict.fromkeys(RtpCodec.of(codec) for codec in codecs)),
        headerExtensions=tuple(RtpHeaderExtensionCapability(e.uri) for e in ours.extensions),
    )


def known_codecs(kind: MediaKind, wanted: Sequence[RtpCodec]) -> dict[RtpCodec, Codec]:
    """Find our codecs that some capabilities describe.

    Args:
        kind: The kind of the transceiver.
        wanted: Elements of `getCapabilities(kind).codecs`, or equal ones; those of codecs that we
            take and do not offer will do as well.

    Raises:
        InvalidModificationError: One is none of ours, or none carries media (webrtc-pc 5.4.1).
    """
    ours = {_key(RtpCodec.of(codec)): codec for codec in reversed(capabilities(kind).every)}
    found = {each: _found(each, ours.get(_key(each)), kind) for each in wanted}
    if found and all(codec.is_auxiliary for codec in found.values()):
        names = ", ".join(dict.fromkeys(each.mimeType for each in wanted))
        raise InvalidModificationError(f"{names}: no codec among them carries {kind}")
    return found


def _found(wanted: RtpCodec, codec: Codec | None, kind: MediaKind) -> Codec:
    if codec is None:
        raise InvalidModificationError(
            f"{wanted} is no {kind} codec of getCapabilities({kind.value!r})"
        )
    return codec


def _key(codec: RtpCodec) -> tuple[str, int, int | None, frozenset[str]]:
    # webrtc-pc section 5.2: names are compared without case, parameters as a set.
    line: Iterable[str] = (codec.sdpFmtpLine or "").split(";")
    parameters = frozenset(each.strip() for each in line if each.strip())
    return codec.mimeType.lower(), codec.clockRate, codec.channels, parameters
