"""Loses packets of media when they are sent for the first time, so that repairs get through."""

from __future__ import annotations


class FirstLosses:
    """Drops every fifth packet of RTP at first, as `UdpRelay.passes`.

    Attributes:
        sent: The datagrams of each such packet, by SSRC and sequence number: the first one was
            dropped, and those after it are retransmissions as they were.
    """

    def __init__(self) -> None:
        self.sent: dict[tuple[int, int], list[bytes]] = {}

    def passes(self, data: bytes) -> bool:
        """Tell whether a datagram gets through."""
        if not 128 <= data[0] <= 191 or 192 <= data[1] <= 223:
            return True
        number = int.from_bytes(data[2:4], "big")
        if number % 5:
            return True
        datagrams = self.sent.setdefault((int.from_bytes(data[8:12], "big"), number), [])
        datagrams.append(data)
        return len(datagrams) > 1
