"""Calls libsrtp for each packet, more cheaply than pylibsrtp's `Session` does.

pylibsrtp's `Session` makes the keys and frees them. Its own methods allocate a number for the
length of each packet, and raise for each packet that is not authentic; beside AES-GCM that is 40%
of a packet's time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pylibsrtp import _binding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pylibsrtp import Session

#: Bytes that libsrtp may append: an SRTCP index, a tag and an MKI (SRTP_MAX_TRAILER_LEN).
TRAILER: Final = 4 + 16 + 128
#: Largest protected packet in bytes (ours: that of Ethernet).
LARGEST: Final = 1500


class SrtpSession:
    """One direction of the SRTP of an association.

    Each operation returns None for a packet that is malformed, too large, a replay, or not
    authentic.

    Args:
        session: Keeps the keys, which are freed with the last reference to the session.

    Attributes:
        protect: Encrypts an RTP packet.
        protect_all: Encrypts several RTP packets in their order; those that cannot be are left out.
        protect_rtcp: Encrypts an RTCP packet.
        unprotect: Authenticates and decrypts an SRTP packet.
        unprotect_rtcp: Authenticates and decrypts an SRTCP packet.
    """

    def __init__(self, session: Session) -> None:
        lib = _binding.lib
        self._session = session
        self.protect = _operation(session, lib.srtp_protect, LARGEST - TRAILER)
        self.protect_all = _operation_for_all(session, lib.srtp_protect, LARGEST - TRAILER)
        self.protect_rtcp = _operation(session, lib.srtp_protect_rtcp, LARGEST - TRAILER)
        self.unprotect = _operation(session, lib.srtp_unprotect, LARGEST)
        self.unprotect_rtcp = _operation(session, lib.srtp_unprotect_rtcp, LARGEST)

    def remove_stream(self, ssrc: int) -> None:
        """Forget the state of an SSRC; libsrtp makes a new one should the SSRC come again."""
        self._session.remove_stream(ssrc)


def _operation(
    session: Session, function: Callable[[Any, Any, Any], int], largest: int
) -> Callable[[bytes], bytes | None]:
    ffi = _binding.ffi
    handle = session._srtp[0]
    memory = ffi.new("char[]", LARGEST)
    buffer = ffi.buffer(memory)
    length = ffi.new("int *")

    # The session is an argument, so that it lives as long as its handle does.
    def operate(packet: bytes, _alive: Session = session) -> bytes | None:
        size = len(packet)
        if size > largest:
            return None
        length[0] = size
        buffer[:size] = packet
        if function(handle, memory, length):
            return None
        plain: bytes = buffer[: length[0]]
        return plain

    return operate


# `_operation` with a loop inside: a call for each packet would be a fifth of its time.
def _operation_for_all(
    session: Session, function: Callable[[Any, Any, Any], int], largest: int
) -> Callable[[Sequence[bytes]], list[bytes]]:
    ffi = _binding.ffi
    handle = session._srtp[0]
    memory = ffi.new("char[]", LARGEST)
    buffer = ffi.buffer(memory)
    length = ffi.new("int *")

    def operate(packets: Sequence[bytes], _alive: Session = session) -> list[bytes]:
        done: list[bytes] = []
        for packet in packets:
            size = len(packet)
            if size > largest:
                continue
            length[0] = size
            buffer[:size] = packet
            if not function(handle, memory, length):
                done.append(buffer[: length[0]])
        return done

    return operate
