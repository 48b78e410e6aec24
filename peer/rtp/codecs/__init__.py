"""Encoders and decoders of one stream each, and which of them are installed."""

from peer.rtp.codecs.audio_encoder import AudioEncoder
from peer.rtp.codecs.decoder import FrameDecoder
from peer.rtp.codecs.encoded import EncodedPicture, EncodedSound
from peer.rtp.codecs.errors import CodecError, DecodeError, EncodeError
from peer.rtp.codecs.installed import can_decode, can_encode, installed
from peer.rtp.codecs.video_encoder import VideoEncoder

__all__ = [
    "AudioEncoder",
    "CodecError",
    "DecodeError",
    "EncodeError",
    "EncodedPicture",
    "EncodedSound",
    "FrameDecoder",
    "VideoEncoder",
    "can_decode",
    "can_encode",
    "installed",
]
