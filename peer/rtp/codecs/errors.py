"""Owns the errors of encoders and decoders."""

from __future__ import annotations


class CodecError(Exception):
    """A codec's library would not do it; what it said is in the message and in `__cause__`."""


class EncodeError(CodecError):
    """A frame could not be encoded. The encoder goes on with the next one."""


class DecodeError(CodecError):
    """A frame could not be decoded. The decoder goes on with the next one."""
