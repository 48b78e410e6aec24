"""Owns the parameters of a sender as applications get and set them (webrtc-pc section 5.2)."""

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
    """How one stream is to be encoded; what is None has no bound (RTCRtpEncodingParameters).

    Args:
        rid: Of the stream; None, as there is one stream only. Read-only.
        active: Whether it is sent at all.
        maxBitrate: In bits a second, without the headers of packets.
        maxFramerate: In pictures a second; 0 freezes the picture. None for sound.
        scaleResolutionDownBy: Width and height are divided by it; at least 1. None for sound.
    """

    rid: str | None = None
    active: bool = True
    maxBitrate: int | None = None
    maxFramerate: float | None = None
    scaleResolutionDownBy: float | None = None


@dataclass(slots=True, kw_only=True)
class RtpSendParameters:
    """What `getParameters` gives and `setParameters` takes (RTCRtpSendParameters).

    Change the `encodings`; everything else is read-only. Who gets it holds a copy of its own.

    Args:
        transactionId: Says which call of `getParameters` it came from.
        encodings: One for each stream, so always one.
        headerExtensions: As agreed; none before negotiation.
        codecs: As agreed, the one in use first; none before negotiation.
        rtcp: As agreed.
    """

    transactionId: str
    encodings: list[RtpEncodingParameters]
    headerExtensions: tuple[HeaderExtension, ...] = ()
    codecs: tuple[Codec, ...] = ()
    rtcp: RtcpParameters = field(default_factory=RtcpParameters)


class ParameterExchange:
    """Hands out the parameters of one sender and checks what comes back.

    Parameters are valid until the event loop turns, as in W3C: between `getParameters` and
    `setParameters` nothing may be awaited, lest two who change them undo each other's changes.

    Args:
        kind: Of the sender.
    """

    def __init__(self, kind: MediaKind) -> None:
        self._kind = kind
        scale = 1.0 if kind is MediaKind.VIDEO else None
        self._encoding = RtpEncodingParameters(scaleResolutionDownBy=scale)
        self._last: RtpSendParameters | None = None

    @property
    def encoding(self) -> RtpEncodingParameters:
        """What is set; not to be changed."""
        return self._encoding

    def get(self, agreed: SendParameters | None) -> RtpSendParameters:
        """The present parameters; the same ones until the event loop turns.

        Args:
            agreed: What negotiation has settled; None before.
        """
        if self._last is None:
            self._last = RtpSendParameters(
                transactionId=secrets.token_hex(16),
                encodings=[self._encoding],
                headerExtensions=() if agreed is None else agreed.extensions,
                codecs=() if agreed is None else agreed.codecs,
                rtcp=RtcpParameters(cname="" if agreed is None else agreed.cname),
            )
            asyncio.get_running_loop().call_soon(self.forget)
        return replace(self._last, encodings=[replace(each) for each in self._last.encodings])

    def forget(self) -> None:
        """What was handed out is no longer true."""
        self._last = None

    def accept(self, parameters: RtpSendParameters) -> None:
        """Take what comes back; otherwise nothing changes.

        Raises:
            InvalidStateError: It was not handed out in this turn of the event loop.
            InvalidModificationError: Something read-only differs from what was handed out.
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
    """A copy of our own, with what the kind has no use for left out."""
    if not isinstance(given.active, bool):
        raise ConfigurationError(f"active must be True or False, not {given.active!r}")
    bitrate = given.maxBitrate
    if bitrate is not None and not (_is_number(bitrate) and bitrate == int(bitrate) > 0):
        raise ConfigurationError(f"maxBitrate must be a whole number above 0, not {bitrate!r}")
    # webrtc-pc section 5.2: sound has neither of the other two, whatever they say.
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
