"""Owns what aiortc can encode and decode, and the translation of our RTP values into aiortc's."""

from __future__ import annotations

from aiortc.rtcrtpparameters import (
    ParametersDict,
    RTCRtcpFeedback,
    RTCRtcpParameters,
    RTCRtpCodecParameters,
    RTCRtpDecodingParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpReceiveParameters,
    RTCRtpRtxParameters,
    RTCRtpSendParameters,
)

from peer.rtp_parameters import (
    Codec,
    Feedback,
    HeaderExtension,
    MediaKind,
    ReceiveParameters,
    RtpCapabilities,
    SendParameters,
)
from peer.transport.seam.rtp import installed_codecs, installed_header_extensions


def capabilities(kind: MediaKind) -> RtpCapabilities:
    """What can be sent and received, most preferred first, each RTX codec after the one it repairs.

    Header extension ids are unique over both kinds, as BUNDLE shares them (RFC 8843 section 9.3).
    """
    return RtpCapabilities(
        codecs=tuple(_codec(kind, codec) for codec in installed_codecs(kind)),
        extensions=tuple(
            HeaderExtension(extension.id, extension.uri)
            for extension in installed_header_extensions(kind)
        ),
    )


def to_aiortc_send(parameters: SendParameters) -> RTCRtpSendParameters:
    """The parameters as aiortc's sender takes them."""
    return RTCRtpSendParameters(
        codecs=[_to_aiortc(codec) for codec in parameters.codecs],
        headerExtensions=_extensions(parameters.extensions),
        muxId=parameters.mid,
        rtcp=RTCRtcpParameters(cname=parameters.cname, mux=True),
    )


def to_aiortc_receive(parameters: ReceiveParameters) -> RTCRtpReceiveParameters:
    """The parameters as aiortc's receiver takes them."""
    repaired = {ssrc: rtx_ssrc for rtx_ssrc, ssrc in parameters.rtx}
    payload_type = parameters.codecs[0].payload_type if parameters.codecs else 0
    media = [ssrc for ssrc in parameters.ssrcs if ssrc not in set(repaired.values())]
    return RTCRtpReceiveParameters(
        codecs=[_to_aiortc(codec) for codec in parameters.codecs],
        headerExtensions=_extensions(parameters.extensions),
        muxId=parameters.mid,
        rtcp=RTCRtcpParameters(mux=True),
        encodings=[
            RTCRtpDecodingParameters(
                ssrc=ssrc,
                payloadType=payload_type,
                rtx=RTCRtpRtxParameters(ssrc=repaired[ssrc]) if ssrc in repaired else None,
            )
            for ssrc in dict.fromkeys([*media, *repaired])
        ],
    )


def _codec(kind: MediaKind, codec: RTCRtpCodecParameters) -> Codec:
    if codec.payloadType is None:
        raise TypeError(f"aiortc lists {codec.mimeType} without a payload type")
    return Codec(
        kind=kind,
        name=codec.name,
        payload_type=codec.payloadType,
        clock_rate=codec.clockRate,
        channels=codec.channels,
        parameters=tuple(
            (name, None if value is None else str(value))
            for name, value in codec.parameters.items()
        ),
        feedback=tuple(Feedback(entry.type, entry.parameter) for entry in codec.rtcpFeedback),
    )


def _to_aiortc(codec: Codec) -> RTCRtpCodecParameters:
    return RTCRtpCodecParameters(
        mimeType=_canonical_mime_type(codec),
        clockRate=codec.clock_rate,
        channels=codec.channels,
        payloadType=codec.payload_type,
        rtcpFeedback=[RTCRtcpFeedback(entry.type, entry.parameter) for entry in codec.feedback],
        parameters=_fmtp(codec),
    )


def _canonical_mime_type(codec: Codec) -> str:
    # aiortc compares names with case when it takes payloads apart, though RFC 4855 has none.
    wanted = codec.mimeType.lower()
    known = (known.mimeType for known in installed_codecs(codec.kind))
    return next((name for name in known if name.lower() == wanted), codec.mimeType)


def _fmtp(codec: Codec) -> ParametersDict:
    values: ParametersDict = dict(codec.parameters)
    if codec.apt is not None:
        values["apt"] = codec.apt
    return values


def _extensions(
    extensions: tuple[HeaderExtension, ...],
) -> list[RTCRtpHeaderExtensionParameters]:
    return [RTCRtpHeaderExtensionParameters(id=each.id, uri=each.uri) for each in extensions]
