"""Conversion of a file's packets into payloads that can be sent without decoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from media.sources.annexb import AnnexB
from media.sources.errors import UnpassableError, UnreadableError
from peer.rtp.formats import FrameShape, format_of
from peer.rtp.formats.av1_bitstream import ObuType, read_obus
from peer.rtp_parameters import Codec, MediaKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.packet import Packet
    from av.stream import Stream

#: RTP clock rate of video, in Hz (RFC 3551 section 5).
_VIDEO_CLOCK = 90_000
_NAMES = {
    "vp8": "VP8",
    "vp9": "VP9",
    "h264": "H264",
    "hevc": "H265",
    "av1": "AV1",
    "libdav1d": "AV1",
}
_VP9_PROFILES = {"Profile 0": "0", "Profile 1": "1", "Profile 2": "2", "Profile 3": "3"}
_H265_PROFILES = {"Main": "1", "Main 10": "2", "Rext": "4"}
#: Bytes of an AV1CodecConfigurationRecord before configOBUs (AV1-ISOBMFF section 2.3.3).
_AV1C = 4
_NOT_SENT = frozenset({ObuType.TEMPORAL_DELIMITER, ObuType.TILE_LIST, ObuType.PADDING})


class PassthroughConverter:
    """Converts packets of one stream to the form of `EncodedFrame.payload`.

    Args:
        stream: A stream of an open file.
        where: The file, for errors.

    Attributes:
        codec: The codec to negotiate; its payload type is 0 and has no meaning.

    Raises:
        UnpassableError: The codec is not supported, or the stream has B-frames.
    """

    def __init__(self, stream: Stream, where: str) -> None:
        self._where = where
        self.codec = _codec(stream, where)
        self._format = format_of(self.codec)
        self._convert = _converter(
            self.codec.name, stream.codec_context.extradata or b"", where=where
        )

    def payload(self, packet: Packet[Any]) -> tuple[bytes, FrameShape]:
        """Return the payload of a packet, and its properties.

        Raises:
            UnreadableError: The packet is no frame of the codec.
        """
        try:
            payload = self._convert(bytes(packet))
        except ValueError as error:
            raise UnreadableError(self._where, why=f"a frame that is broken: {error}") from error
        return payload, self._format.describe(payload)


def _codec(stream: Stream, where: str) -> Codec:
    context: Any = stream.codec_context
    name = context.name
    if stream.type == "audio":
        if context.codec.canonical_name != "opus":
            raise UnpassableError(where, why=f"{name} is sent only if it is decoded; Opus as it is")
        # RFC 7587 section 4.1: more channels are several streams, of which RTP knows nothing.
        if context.layout.nb_channels > 2:
            raise UnpassableError(where, why="it has more than two channels")
        # RFC 7587 section 7: the clock is 48000 and the channels are 2, whatever is sent.
        return Codec(
            kind=MediaKind.AUDIO, name="opus", payload_type=0, clock_rate=48_000, channels=2
        )
    ours = _NAMES.get(name) or _NAMES.get(context.codec.canonical_name)
    if ours is None:
        sendable = ", ".join(sorted(set(_NAMES.values())))
        raise UnpassableError(
            where, why=f"{name} is sent only if it is decoded; as it is: {sendable}"
        )
    if ours in {"H264", "H265"} and context.has_b_frames:
        raise UnpassableError(where, why="it has B-frames, whose order no peer expects")
    parameters: tuple[tuple[str, str | None], ...] = ()
    if ours == "VP9":
        parameters = (("profile-id", _VP9_PROFILES.get(context.profile or "", "0")),)
    elif ours == "H265":
        parameters = (("profile-id", _H265_PROFILES.get(context.profile or "", "1")),)
    return Codec(
        kind=MediaKind.VIDEO,
        name=ours,
        payload_type=0,
        clock_rate=_VIDEO_CLOCK,
        parameters=parameters,
    )


def _converter(name: str, extradata: bytes, *, where: str) -> Callable[[bytes], bytes]:
    match name:
        case "H264" | "H265":
            try:
                return AnnexB(extradata, h265=name == "H265").convert
            except ValueError as error:
                raise UnreadableError(where, why=str(error)) from error
        case "AV1":
            sequence = _sequence_header(extradata)
            return lambda data: _temporal_unit(data, sequence_header=sequence)
        case _:
            return bytes


def _sequence_header(extradata: bytes) -> bytes:
    try:
        obus = read_obus(extradata[_AV1C:] if extradata[:1] == b"\x81" else extradata)
    except ValueError:
        return b""
    return b"".join(obu.with_size() for obu in obus if obu.kind == ObuType.SEQUENCE_HEADER)


def _temporal_unit(data: bytes, *, sequence_header: bytes) -> bytes:
    obus = [obu for obu in read_obus(data) if obu.kind not in _NOT_SENT]
    whole = b"".join(obu.with_size() for obu in obus)
    if any(obu.kind == ObuType.SEQUENCE_HEADER for obu in obus) or not sequence_header:
        return whole
    # A container keeps the sequence header apart from key frames; a peer needs it in them.
    with_header = sequence_header + whole
    shape = format_of(_AV1).describe(with_header)
    return with_header if shape.keyframe else whole


_AV1 = Codec(kind=MediaKind.VIDEO, name="AV1", payload_type=0, clock_rate=_VIDEO_CLOCK)
