"""Defines the RTP parameters that negotiation agrees on: codecs, extensions, streams. PURE."""

from __future__ import annotations

from enum import StrEnum

from peer.values import dataclass


class MediaKind(StrEnum):
    """The kinds of media that RTP carries."""

    AUDIO = "audio"
    VIDEO = "video"


#: Limit of the encodings that are sent for one track (ours; libwebrtc: 3).
SEND_LAYER_LIMIT = 4
#: Encoding names of formats that accompany another codec (RFC 4588, 2198, 5109, 8627, 4733, 3389).
_AUXILIARY = frozenset({"rtx", "red", "ulpfec", "flexfec-03", "telephone-event", "cn"})


@dataclass(frozen=True, slots=True)
class Feedback:
    """One `a=rtcp-fb` capability (RFC 4585 section 4.2)."""

    type: str
    parameter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """A codec with its payload type (W3C webrtc-pc RTCRtpCodecParameters).

    Args:
        kind: Audio or video.
        name: The encoding name of `a=rtpmap`, for example `VP8`; compared without case.
        payload_type: 0 to 127.
        clock_rate: The RTP clock rate in Hz.
        channels: The number of audio channels; None for video.
        parameters: The `a=fmtp` pairs in their order; a value is None where there was no `=`.
        feedback: The RTCP feedback agreed on.
    """

    kind: MediaKind
    name: str
    payload_type: int
    clock_rate: int
    channels: int | None = None
    parameters: tuple[tuple[str, str | None], ...] = ()
    feedback: tuple[Feedback, ...] = ()

    @property
    def mimeType(self) -> str:
        """The kind and the encoding name, for example `video/VP8`."""
        return f"{self.kind}/{self.name}"

    @property
    def is_rtx(self) -> bool:
        """Tell whether this is the retransmission format of another codec (RFC 4588)."""
        return self.name.lower() == "rtx"

    @property
    def is_auxiliary(self) -> bool:
        """Tell whether the codec only accompanies another: repair, redundancy, DTMF, noise."""
        return self.name.lower() in _AUXILIARY

    @property
    def apt(self) -> int | None:
        """The payload type that an RTX codec retransmits, or None."""
        value = self.parameter("apt")
        return int(value) if value is not None and value.isascii() and value.isdigit() else None

    @property
    def is_red(self) -> bool:
        """Tell whether this is redundant data of another codec (RFC 2198)."""
        return self.name.lower() == "red"

    @property
    def redundant(self) -> tuple[int, ...]:
        """The payload types of a RED codec's blocks, the primary one first; empty for others."""
        # RFC 2198 section 5: they are the whole of `a=fmtp`, as in `111/111`.
        for name, value in self.parameters if self.is_red else ():
            numbers = name.split("/")
            if value is None and all(n.isascii() and n.isdigit() for n in numbers):
                return tuple(int(number[:4]) for number in numbers)
        return ()

    @property
    def accompanied(self) -> int | None:
        """The payload type without which this codec is of no use: for RTX and RED, else None."""
        return self.apt if self.is_rtx else next(iter(self.redundant), None)

    def parameter(self, name: str) -> str | None:
        """The value of an fmtp parameter; names are compared without case."""
        return next((v for k, v in self.parameters if k.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class HeaderExtension:
    """An RTP header extension with its id (RFC 8285)."""

    id: int
    uri: str


@dataclass(frozen=True, slots=True)
class RtpCapabilities:
    """The codecs and header extensions of one kind of media, in order of preference.

    Args:
        codecs: Codecs that we encode and decode.
        extensions: Header extensions, with our ids.
        receive_only: Codecs that we only decode; offered where we do not send.
        accepted: Codecs that we encode and decode, and do not offer unless they are named: taken
            where an m-section of the peer has none of the others.
        accepted_receive_only: Codecs that we only decode, and do not offer either.
    """

    codecs: tuple[Codec, ...]
    extensions: tuple[HeaderExtension, ...]
    receive_only: tuple[Codec, ...] = ()
    accepted: tuple[Codec, ...] = ()
    accepted_receive_only: tuple[Codec, ...] = ()

    @property
    def every(self) -> tuple[Codec, ...]:
        """All codecs that we take from a peer."""
        return (*self.codecs, *self.receive_only, *self.accepted, *self.accepted_receive_only)


@dataclass(frozen=True, slots=True, kw_only=True)
class RtcpParameters:
    """The RTCP parameters agreed on (W3C webrtc-pc RTCRtcpParameters).

    Args:
        cname: The CNAME that our streams share; empty before negotiation.
        reducedSize: Whether RTCP packets may go without a report (RFC 5506).
    """

    cname: str = ""
    reducedSize: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SendLayer:
    """One encoding of a track that is sent in several (RFC 8853), and its streams.

    Args:
        rid: Its RtpStreamId (RFC 8852).
        ssrc: SSRC of its stream.
        rtx_ssrc: SSRC of its RTX stream.
        paused: Whether the peer asked not to get it at present (`~` in front of its RID).
    """

    rid: str
    ssrc: int
    rtx_ssrc: int
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SendParameters:
    """The parameters of one m-section to send: `codecs[0]` encodes, an RTX codec may follow.

    Args:
        redundancy: True to send as redundant data (RFC 2198), where a RED codec of `codecs[0]` is
            among the others.
        layers: The encodings to send, by RID; empty for one stream with the sender's own SSRC.
        uses_rids: Whether packets say the RID of their encoding: the peer agreed to simulcast.
    """

    mid: str
    codecs: tuple[Codec, ...]
    extensions: tuple[HeaderExtension, ...]
    cname: str
    redundancy: bool = False
    layers: tuple[SendLayer, ...] = ()
    uses_rids: bool = False

    @property
    def red(self) -> Codec | None:
        """The RED codec to send with; None to send without."""
        if not self.redundancy:
            return None
        primary = self.codecs[0].payload_type
        return next((c for c in self.codecs if c.is_red and c.accompanied == primary), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveParameters:
    """The parameters of the streams to receive for one m-section.

    Args:
        ssrcs: The SSRCs that the peer announced; empty where it announced none, and the MID
            header extension decides (RFC 8843 section 9.2).
        rtx: Pairs of (RTX SSRC, SSRC that it repairs) from `a=ssrc-group:FID`.
        rids: The restriction ids that the peer announced to send with (RFC 8851).
        simulcast: Those of them whose streams are encodings of one picture (RFC 8853).
        simulcast_ssrcs: SSRCs of such streams, where the peer names those (`a=ssrc-group:SIM`).
    """

    mid: str
    codecs: tuple[Codec, ...]
    extensions: tuple[HeaderExtension, ...]
    ssrcs: tuple[int, ...] = ()
    rtx: tuple[tuple[int, int], ...] = ()
    rids: tuple[str, ...] = ()
    simulcast: tuple[str, ...] = ()
    simulcast_ssrcs: tuple[int, ...] = ()
