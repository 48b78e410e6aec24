"""Sends several datagrams of one size by one system call (UDP_SEGMENT of Linux).

The kernel cuts one long datagram into many, at a third of the cost of as many calls.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

#: Length in bytes, exclusive, of each datagram in a run (ours: nothing in WebRTC is longer, as
#: RFC 8834 and RFC 8831 keep below the MTU of the path).
MAX_DATAGRAM_SIZE: Final = 2048

# <linux/udp.h>
_SOL_UDP, _UDP_SEGMENT = 17, 103
_SEGMENT_SIZE = Struct("=H")
#: Datagrams in one call: older kernels take 64, and together they have to fit into one datagram.
_MAX_SEGMENTS = 65_000 // MAX_DATAGRAM_SIZE
_NOT_SUPPORTED = (errno.EIO, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOPROTOOPT)


class SegmentationOffload:
    """Sends runs of datagrams by one system call each, on one socket.

    Args:
        sock: A bound UDP socket.

    Attributes:
        available: True as long as the kernel and the network device have not refused it.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.available = _is_supported(sock)

    def send(self, run: Sequence[bytes], address: tuple[Any, ...]) -> bool:
        """Send datagrams for which `end_of_run` is the end; return False if none was sent."""
        segments = [(_SOL_UDP, _UDP_SEGMENT, _SEGMENT_SIZE.pack(len(run[0])))]
        try:
            self._socket.sendmsg(run, segments, 0, address)
        except OSError as error:
            # The caller tries each by itself: some network devices cannot send segments.
            self.available = self.available and error.errno not in _NOT_SUPPORTED
            return False
        return True


def end_of_run(datagrams: Sequence[bytes], start: int) -> int:
    """Return the index after the last datagram that can go by the same call as `start`.

    All datagrams of a run have one size; the last may be shorter.
    """
    sizes = list(map(len, datagrams[start : start + _MAX_SEGMENTS]))
    size = sizes[0]
    # An empty one leaves nothing to cut.
    if not 0 < size < MAX_DATAGRAM_SIZE:
        return start + 1
    last = len(sizes) - 1
    # Most often, all packets of a video frame but the last have one size.
    if sizes.count(size) - (sizes[last] == size) < last:
        last = next(index for index, other in enumerate(sizes) if other != size)
    return start + last + (0 < sizes[last] <= size)


def _is_supported(sock: socket.socket) -> bool:
    # Kernels that do not know the option would send all of them as one datagram.
    try:
        sock.getsockopt(_SOL_UDP, _UDP_SEGMENT)
    except OSError:
        return False
    return sys.platform == "linux"
