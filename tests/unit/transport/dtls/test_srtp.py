"""Bound on the SSRCs for which SRTP keeps state."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from peer.transport.dtls.srtp import MAX_SSRCS, Srtp
from tests.support.links.secure import rtcp, rtp

if TYPE_CHECKING:
    from peer.transport.adapters.srtp import SrtpSession


class OpenSession:
    """Authenticates all but packets that end in `bad`."""

    def __init__(self) -> None:
        self.removed: list[int] = []

    def unprotect(self, packet: bytes) -> bytes | None:
        return None if packet.endswith(b"bad") else packet

    unprotect_rtcp = protect = protect_all = protect_rtcp = unprotect

    def remove_stream(self, ssrc: int) -> None:
        self.removed.append(ssrc)


def opened() -> tuple[Srtp, OpenSession]:
    session = OpenSession()
    return Srtp(
        inbound=cast("SrtpSession", session), outbound=cast("SrtpSession", session)
    ), session


def test_srtp_forgets_the_least_recent_ssrc_beyond_the_bound() -> None:
    srtp, session = opened()
    for ssrc in range(MAX_SSRCS):
        srtp.unprotect(rtp(1, ssrc=ssrc))
    srtp.unprotect(rtp(2, ssrc=0))
    srtp.unprotect_rtcp(rtcp(ssrc=1))

    srtp.unprotect(rtp(1, ssrc=5000))
    srtp.unprotect(rtp(1, ssrc=5001))

    assert session.removed == [2, 3]


def test_srtp_remembers_no_ssrc_that_does_not_authenticate() -> None:
    srtp, session = opened()
    for ssrc in range(2 * MAX_SSRCS):
        assert srtp.unprotect(rtp(1, b"bad", ssrc)) is None

    assert session.removed == []
