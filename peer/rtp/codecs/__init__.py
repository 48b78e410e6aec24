"""Encoders and decoders of one stream each, on PyAV, and the codecs that are installed here."""

from peer.rtp.codecs.audio_decoder import Concealment
from peer.rtp.codecs.audio_encoder import AudioEncoder
from peer.rtp.codecs.decoder import FrameDecoder
from peer.rtp.codecs.encoded import EncodedAudioPacket, EncodedVideoFrame
from peer.rtp.codecs.errors import CodecError, DecodeError, EncodeError
from peer.rtp.codecs.installed import accepted, can_decode, can_encode, installed
from peer.rtp.codecs.video_encoder import VideoEncoder

__all__ = [
    "AudioEncoder",
    "CodecError",
    "Concealment",
    "DecodeError",
    "EncodeError",
    "EncodedAudioPacket",
    "EncodedVideoFrame",
    "FrameDecoder",
    "VideoEncoder",
    "accepted",
    "can_decode",
    "can_encode",
    "installed",
]
