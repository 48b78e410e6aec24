"""Descriptions of a peer without ICE, as phones and gateways write them."""

from __future__ import annotations

import re

from peer.descriptions import SessionDescription

#: Lines that only a peer with ICE writes.
_ICE = re.compile(r"a=(ice-[^\r]*|candidate:[^\r]*|end-of-candidates)\r\n")


def without_ice(
    description: SessionDescription,
    *,
    mux: bool = True,
    address: str | None = None,
    port: int | None = None,
) -> SessionDescription:
    """The description as a peer without ICE writes it.

    Args:
        description: One with ICE.
        mux: Leave `a=rtcp-mux` in.
        address: Address for each `c=` line; as it is where None.
        port: Port for each `m=` line, likewise.
    """
    text = _ICE.sub("", description.sdp)
    if not mux:
        text = text.replace("a=rtcp-mux\r\n", "")
    if address is not None:
        text = re.sub(r"c=IN IP4 \S+", f"c=IN IP4 {address}", text)
        text = re.sub(r"(a=rtcp:\d+) IN IP4 \S+", rf"\1 IN IP4 {address}", text)
    if port is not None:
        text = re.sub(r"m=(\w+) \d+ ", rf"m=\1 {port} ", text)
    return SessionDescription(text, description.type)


def with_lines(description: SessionDescription, *lines: str) -> SessionDescription:
    """The description with lines more at its end, in its last m-section."""
    text = description.sdp + "".join(f"{line}\r\n" for line in lines)
    return SessionDescription(text, description.type)
