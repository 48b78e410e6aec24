"""Parameters of a sender as applications get and set them (W3C webrtc-pc section 5.2)."""

from __future__ import annotations

import asyncio
import math
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from peer.errors import ConfigurationError, InvalidModificationError, InvalidStateError
from peer.rtp_parameters import MediaKind, RtcpParameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp_parameters import Codec, HeaderExtension, SendParameters


@dataclass(slots=True, kw_only=True)
class RtpEncodingParameters:
    """The encoding of one stream; None is no bound (RTCRtpEncodingParameters).

    Args:
        rid: RID of the stream; None, as there is one stream only. Read-only.
        active: Whether the stream is sent at all.
        maxBitrate: Highest bitrate of payloads in bits/s.
        maxFramerate: Highest frame rate in Hz; 0 freezes the video. None for audio.
        scaleResolutionDownBy: Divisor of width and height, at least 1. None for audio.
    """

    rid: str | None = None
    active: bool = True
    maxBitrate: int | None = None
    maxFramerate: float | None = None
    scaleResolutionDownBy: float | None = None


@dataclass(slots=True, kw_only=True)
class RtpSendParameters:
    """The result of `getParameters` and argument of `setParameters` (RTCRtpSendParameters).

    Change the `encodings`; all other members are read-only. Each call gives a copy.

    Args:
        transactionId: Identifies the call of `getParameters`.
        encodings: One per stream, so always one.
        headerExtensions: Negotiated header extensions; empty before negotiation.
        codecs: Negotiated codecs, the one in use first; empty before negotiation.
        rtcp: Negotiated RTCP parameters.
    """

    transactionId: str
    encodings: list[RtpEncodingParameters]
    headerExtensions: tuple[HeaderExtension, ...] = ()
    codecs: tuple[Codec, ...] = ()
    rtcp: RtcpParameters = field(default_factory=RtcpParameters)


class ParameterExchange:
    """Gives out the parameters of one sender, and checks those that it takes.

    Parameters are valid until the event loop turns, as in W3C: between `getParameters` and
    `setParameters` nothing may be awaited, so that two tasks cannot undo each other's changes.

    Args:
        kind: Audio or video.
    """

    def __init__(self, kind: MediaKind) -> None:
        self._kind = kind
        scale = 1.0 if kind is MediaKind.VIDEO else None
        self._encoding = RtpEncodingParameters(scaleResolutionDownBy=scale)
        self._last: RtpSendParameters | None = None

    def copy(self, other: ParameterExchange) -> None:
        """Take the encoding parameters of another sender."""
        self._encoding = replace(other._encoding)

    @property
    def encoding(self) -> RtpEncodingParameters:
        """The encoding parameters in force; not to be changed."""
        return self._encoding

    def get(self, negotiated: SendParameters | None) -> RtpSendParameters:
        """Return a copy of the parameters, of one transaction until the event loop turns.

        Args:
            negotiated: Negotiated parameters; None before negotiation.
        """
        if self._last is None:
            self._last = RtpSendParameters(
                transactionId=secrets.token_hex(16),
                encodings=[self._encoding],
                headerExtensions=() if negotiated is None else negotiated.extensions,
                codecs=() if negotiated is None else negotiated.codecs,
                rtcp=RtcpParameters(cname="" if negotiated is None else negotiated.cname),
            )
            asyncio.get_running_loop().call_soon(self.forget)
        return replace(self._last, encodings=[replace(each) for each in self._last.encodings])

    def forget(self) -> None:
        """Make all parameters stale that were given out."""
        self._last = None

    def accept(self, parameters: RtpSendParameters) -> None:
        """Take the changed parameters of an application; on an error nothing changes.

        Raises:
            InvalidStateError: They were not given out in this turn of the event loop.
            InvalidModificationError: A read-only member differs from that given out.
            ConfigurationError: A number is out of its range.
        """
        if self._last is None:
            raise InvalidStateError("call getParameters first, and await nothing in between")
        _check_unchanged(parameters, self._last)
        encoding = _checked(parameters.encodings[0], self._kind)
        self._last = None
        self._encoding = encoding


def _check_unchanged(given: RtpSendParameters, last: RtpSendParameters) -> None:
    if given.transactionId != last.transactionId:
        raise InvalidModificationError("these parameters are not those of the last getParameters")
    # webrtc-pc section 5.2: "encodings.length is different from N", "encodings has been
    # re-ordered", and rid is read-only.
    if _rids(given.encodings) != _rids(last.encodings):
        raise InvalidModificationError("encodings cannot be added, taken away or renamed")
    if tuple(given.headerExtensions) != last.headerExtensions:
        raise InvalidModificationError("headerExtensions are read-only")
    if tuple(given.codecs) != last.codecs:
        raise InvalidModificationError("codecs are read-only: see setCodecPreferences")
    if given.rtcp != last.rtcp:
        raise InvalidModificationError("rtcp is read-only")


def _rids(encodings: Sequence[RtpEncodingParameters]) -> list[str | None]:
    return [each.rid for each in encodings]


def _checked(given: RtpEncodingParameters, kind: MediaKind) -> RtpEncodingParameters:
    """Return a checked copy, without the members that the kind does not use."""
    if not isinstance(given.active, bool):
        raise ConfigurationError(f"active must be True or False, not {given.active!r}")
    bitrate = given.maxBitrate
    if bitrate is not None and not (_is_number(bitrate) and bitrate == int(bitrate) > 0):
        raise ConfigurationError(f"maxBitrate must be a whole number above 0, not {bitrate!r}")
    # webrtc-pc section 5.2: for audio the other two are ignored.
    if kind is MediaKind.AUDIO:
        return replace(given, maxFramerate=None, scaleResolutionDownBy=None)
    rate = given.maxFramerate
    if rate is not None and not (_is_number(rate) and rate >= 0):
        raise ConfigurationError(f"maxFramerate must be at least 0, not {rate!r}")
    scale = 1.0 if given.scaleResolutionDownBy is None else given.scaleResolutionDownBy
    if not (_is_number(scale) and scale >= 1):
        raise ConfigurationError(f"scaleResolutionDownBy must be at least 1, not {scale!r}")
    return replace(given, scaleResolutionDownBy=float(scale))


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value)
