from __future__ import annotations

import pytest

from signaling.errors import ErrorCode
from signaling.messages import Join, Offer, PeerLeft, Ping, Pong, Resume, encode
from signaling.server.frames import Fault, read_first, read_later
from signaling.server.limits import Limits

LIMITS = Limits(message_size=400)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("nonsense", ErrorCode.MALFORMED),
        (encode(Offer(sdp="v")), ErrorCode.UNEXPECTED),
        ("x" * 20_000, ErrorCode.TOO_LARGE),
    ],
)
def test_a_connection_that_does_not_begin_with_a_join_is_refused(
    frame: str, code: ErrorCode
) -> None:
    fault = read_first(frame, LIMITS)
    assert isinstance(fault, Fault)
    assert fault.error.code is code


@pytest.mark.parametrize(
    ("frame", "code", "counted"),
    [
        ("nonsense", ErrorCode.MALFORMED, True),
        (encode(Offer(sdp="v" * 400)), ErrorCode.TOO_LARGE, True),
        (encode(PeerLeft(member="m1")), ErrorCode.UNEXPECTED, True),
        (encode(Join(room="r")), ErrorCode.UNEXPECTED, False),
        (encode(Resume(session="s", received=0)), ErrorCode.UNEXPECTED, False),
        (encode(Ping()), ErrorCode.UNEXPECTED, False),
    ],
)
def test_a_frame_that_a_member_does_not_send_is_a_fault(
    frame: str, code: ErrorCode, counted: bool
) -> None:
    fault = read_later(frame, LIMITS)
    assert isinstance(fault, Fault)
    assert (fault.error.code, fault.counted) == (code, counted)


@pytest.mark.parametrize("message", [Offer(sdp="v"), Pong()])
def test_a_frame_that_a_member_sends_is_read(message: Offer | Pong) -> None:
    assert read_later(encode(message), LIMITS) == message
