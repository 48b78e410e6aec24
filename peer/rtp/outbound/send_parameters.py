"""Parameters of a sender as applications get and set them (W3C webrtc-pc section 5.2)."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from dataclasses import field, replace
from typing import TYPE_CHECKING

from peer.errors import InvalidModificationError, InvalidStateError
from peer.rtp.outbound.encodings import (
    RtpEncodingParameters,
    checked_encoding,
    default_encodings,
    encodings_of_peer,
    find_codec,
)
from peer.rtp_parameters import RtcpParameters
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peer.rtp_parameters import Codec, HeaderExtension, MediaKind, SendParameters


@dataclasses.dataclass(slots=True, kw_only=True)
class RtpSendParameters:
    """The result of `getParameters` and argument of `setParameters` (RTCRtpSendParameters).

    Change the `encodings`; all other members are read-only. Each call gives a copy.

    Args:
        transactionId: Identifies the call of `getParameters`.
        encodings: One for each stream; several with simulcast, the order never changes.
        headerExtensions: Negotiated header extensions; empty before negotiation.
        codecs: Negotiated codecs, the one in use first; empty before negotiation.
        rtcp: Negotiated RTCP parameters.
    """

    transactionId: str
    encodings: list[RtpEncodingParameters]
    headerExtensions: tuple[HeaderExtension, ...] = ()
    codecs: tuple[Codec, ...] = ()
    rtcp: RtcpParameters = field(default_factory=RtcpParameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpEncodingOptions:
    """Actions of `setParameters` on one encoding (webrtc-extensions RTCEncodingOptions).

    Args:
        keyFrame: Make its next picture a key frame.
    """

    keyFrame: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpSetParameterOptions:
    """The second argument of `setParameters` (webrtc-extensions RTCSetParameterOptions).

    Args:
        encodingOptions: One for each encoding, in their order, or none.
    """

    encodingOptions: Sequence[RtpEncodingOptions] = ()


class ParameterExchange:
    """Gives out the parameters of one sender, and checks those that it takes.

    Parameters are valid until the event loop turns, as in W3C: between `getParameters` and
    `setParameters` nothing may be awaited, so that two tasks cannot undo each other's changes.

    Args:
        kind: Audio or video.
        encodings: The encodings to begin with, as `checked_encodings` gives them; empty for one.
    """

    def __init__(self, kind: MediaKind, encodings: Sequence[RtpEncodingParameters] = ()) -> None:
        self._kind = kind
        self._encodings = tuple(encodings) or default_encodings(kind)
        # The encoding without RID that a simulcast of the peer's offer took the place of.
        self._alone: RtpEncodingParameters | None = None
        self._last: RtpSendParameters | None = None

    def copy(self, other: ParameterExchange) -> None:
        """Take the encoding parameters of another sender."""
        self._encodings = tuple(replace(each) for each in other._encodings)

    @property
    def encodings(self) -> tuple[RtpEncodingParameters, ...]:
        """The encoding parameters in force; not to be changed."""
        return self._encodings

    @property
    def encoding(self) -> RtpEncodingParameters:
        """The first of the encoding parameters in force; not to be changed."""
        return self._encodings[0]

    def get(self, negotiated: SendParameters | None) -> RtpSendParameters:
        """Return a copy of the parameters, of one transaction until the event loop turns.

        Args:
            negotiated: Negotiated parameters; None before negotiation.
        """
        if self._last is None:
            self._last = RtpSendParameters(
                transactionId=secrets.token_hex(16),
                encodings=list(self._encodings),
                headerExtensions=() if negotiated is None else negotiated.extensions,
                codecs=() if negotiated is None else negotiated.codecs,
                rtcp=RtcpParameters(cname="" if negotiated is None else negotiated.cname),
            )
            asyncio.get_running_loop().call_soon(self.forget)
        return replace(self._last, encodings=[replace(each) for each in self._last.encodings])

    def forget(self) -> None:
        """Make all parameters stale that were given out."""
        self._last = None

    def accept(
        self,
        parameters: RtpSendParameters,
        options: RtpSetParameterOptions | None = None,
        *,
        negotiated: SendParameters | None = None,
    ) -> None:
        """Take the changed parameters of an application; on an error nothing changes.

        Args:
            parameters: What `get` has given, with changed encodings.
            options: What to do once for each encoding.
            negotiated: Negotiated parameters; None before negotiation.

        Raises:
            InvalidStateError: They were not given out in this turn of the event loop.
            InvalidModificationError: A read-only member differs from that given out, or a codec is
                none of those that can be sent.
            ConfigurationError: A number is out of its range.
        """
        if self._last is None:
            raise InvalidStateError("call getParameters first, and await nothing in between")
        _check_unchanged(parameters, self._last)
        wanted, there = 0 if options is None else len(options.encodingOptions), len(self._encodings)
        if wanted not in (0, there):
            raise InvalidModificationError(f"{wanted} options for {there} encodings")
        encodings = tuple(checked_encoding(each, self._kind) for each in parameters.encodings)
        codecs = None if negotiated is None else negotiated.codecs
        for each in encodings:
            if each.codec is not None and find_codec(each.codec, self._kind, codecs) is None:
                raise InvalidModificationError(f"{each.codec} cannot be sent here")
        # webrtc-pc section 5.2: they may be given again until the event loop turns.
        self._last = replace(self._last, encodings=list(encodings))
        self._encodings = encodings

    def use_rids(self, rids: Sequence[str]) -> None:
        """Have one encoding for each of these RIDs, or one without RID.

        What was set for an encoding stays while it is there (webrtc-pc section 4.4.1.5).
        """
        known = {each.rid: each for each in self._encodings}
        if known.keys() == {None} and rids:
            self._alone = self._encodings[0]
        if not rids:
            alone = self._alone or known.get(None)
            found = default_encodings(self._kind) if alone is None else (alone,)
        elif all(rid in known for rid in rids):
            found = tuple(known[rid] for rid in rids)
        else:
            found = encodings_of_peer(rids)
        if found != self._encodings:
            self._encodings = found
            self.forget()

    def drop_codecs(self, negotiated: Sequence[Codec]) -> None:
        """Unset the codec of each encoding that is none of those agreed on (webrtc-pc 4.4.1.5)."""
        self._encodings = tuple(
            each
            if each.codec is None or find_codec(each.codec, self._kind, negotiated) is not None
            else replace(each, codec=None)
            for each in self._encodings
        )


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
