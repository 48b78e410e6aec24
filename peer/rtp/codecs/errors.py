"""Errors of encoders and decoders: the library's message, and its error as `__cause__`."""

from __future__ import annotations


class CodecError(Exception):
    """The library of a codec failed; the message and `__cause__` say why."""


class EncodeError(CodecError):
    """A frame could not be encoded; the encoder continues with the next one."""


class DecodeError(CodecError):
    """A frame could not be decoded; the decoder continues with the next one."""
