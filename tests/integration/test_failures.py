"""What a connection says when it has failed: one sentence, the same in `error` and `connected`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from peer import Certificate, DtlsError, IceError, SrtpProfile, TransportError
from peer.transport.ice import transport as ice_transport
from peer.transport.ice.timing import IceTiming
from tests.support.captures.captured_call import Call, call
from tests.support.captures.wire import Captured, Side
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.negotiation.connections import loopback, reached

if TYPE_CHECKING:
    from tests.support.captures.wire import Fate

#: Seconds of virtual time, in which a handshake takes none.
SHORT = 0.3

_ALERT = bytes.fromhex("15fefd 0000000000000000 0002 02")
_AES128_SHA = bytes.fromhex("002f")
_RECORD_HEADER, _MESSAGE_HEADER = 13, 12


def only(side: Side, change: Callable[[bytes], Iterable[bytes]]) -> Fate:
    """Do that to the DTLS of one side."""

    def fate(datagram: Captured) -> Iterable[bytes]:
        changes = datagram.is_dtls and datagram.sender is side
        return change(datagram.data) if changes else (datagram.data,)

    return fate


def first(side: Side, count: int) -> Fate:
    """Let so many of its DTLS datagrams through."""
    passed: list[bytes] = []

    def change(data: bytes) -> Iterable[bytes]:
        if len(passed) < count:
            passed.append(data)
            yield data

    return only(side, change)


def lost(_: bytes) -> Iterable[bytes]:
    return ()


def alert(code: int) -> Callable[[bytes], Iterable[bytes]]:
    return lambda _: (_ALERT + bytes([code]),)


def is_client_hello(data: bytes) -> bool:
    return (data[0], data[_RECORD_HEADER]) == (22, 1)


def older(data: bytes) -> Iterable[bytes]:
    """A ClientHello that speaks of DTLS 1.0."""
    start = _RECORD_HEADER + _MESSAGE_HEADER
    old = b"\xfe\xff" if is_client_hello(data) else data[start : start + 2]
    yield data[:start] + old + data[start + 2 :]


def weaker(data: bytes) -> Iterable[bytes]:
    """A ClientHello that offers no suite with forward secrecy."""
    if is_client_hello(data):
        position = _RECORD_HEADER + _MESSAGE_HEADER + 2 + 32
        for _ in ("session", "cookie"):
            position += 1 + data[position]
        size = int.from_bytes(data[position : position + 2])
        suites = _AES128_SHA * (size // 2)
        data = data[: position + 2] + suites + data[position + 2 + size :]
    yield data


def says(setup: str) -> Callable[[str], str]:
    return lambda sdp: re.sub(r"a=setup:\w+", f"a=setup:{setup}", sdp)


@dataclass(frozen=True)
class Case:
    """What goes wrong, and what each end says of it; None where it has nothing to say.

    Args:
        fate: Of datagrams.
        answer: What the offerer reads in the answer's place.
        options: The answerer's.
    """

    offerer: str | None
    answerer: str | None
    fate: Fate | None = None
    answer: Callable[[str], str] = str
    options: tuple[tuple[str, Any], ...] = ()


# The answerer is the client, unless the case says otherwise.
CASES = {
    "both wait": Case(
        offerer=r"no ClientHello within 0\.3 s: the peer is waiting to be called "
        r"\(setup:passive on both sides\)",
        answerer=r"no ClientHello within 0\.3 s: the peer is waiting to be called",
        answer=says("active"),
        options=(("answer_role", "passive"),),
    ),
    "both call": Case(
        offerer=r"both sides call \(setup:active on both sides\)",
        answerer=r"both sides call \(setup:active on both sides\)",
        answer=says("passive"),
    ),
    "a deaf server": Case(
        offerer=r"not complete after 0\.3 s: as server we got",
        answerer=r"no answer to our ClientHello within 0\.3 s",
        fate=only(Side.OFFERER, lost),
    ),
    "a mute client": Case(
        offerer=r"no ClientHello within 0\.3 s",
        answerer=r"no answer to our ClientHello within 0\.3 s",
        fate=only(Side.ANSWERER, lost),
    ),
    "a path that breaks": Case(
        offerer=r"not complete after 0\.3 s: as server we got 1 datagram of",
        answerer=r"not complete after 0\.3 s: as client we got \d+ datagrams? of",
        fate=first(Side.ANSWERER, 1),
    ),
    "an old peer": Case(
        offerer="does not speak DTLS 1.2, and RFC 8827",
        answerer="refused the DTLS connection with protocol_version: it does not speak DTLS 1.2",
        fate=only(Side.ANSWERER, older),
    ),
    "no cipher suite": Case(
        offerer="the peer offers no cipher suite with forward secrecy",
        answerer="refused the DTLS connection with handshake_failure: it shares no cipher suite",
        fate=only(Side.ANSWERER, weaker),
    ),
    "bad_certificate": Case(
        offerer=None,
        answerer="with bad_certificate: it does not accept our certificate",
        fate=only(Side.OFFERER, alert(42)),
    ),
    "unknown_ca": Case(
        offerer=None,
        answerer="with unknown_ca: it wants a certificate of an authority",
        fate=only(Side.OFFERER, alert(48)),
    ),
    "internal_error": Case(
        offerer=None,
        answerer="with internal_error",
        fate=only(Side.OFFERER, alert(80)),
    ),
    "no SRTP profile": Case(
        offerer="no SRTP profile in common with the peer.*ours: AEAD_AES_256_GCM",
        answerer="no SRTP profile in common with the peer.*ours: AEAD_AES_128_GCM",
        options=(("srtp_profiles", (SrtpProfile.AEAD_AES_128_GCM,)),),
    ),
}


async def failed(between: Call, side: Side) -> TransportError:
    """Wait until an end has failed."""
    end = between.end(side)
    await reached(end, "connectionstatechange", lambda: end.connectionState == "failed")
    assert end.error is not None
    with pytest.raises(TransportError) as raised:
        await end.connected()
    assert raised.value is end.error
    return end.error


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@in_virtual_time
async def test_a_failed_handshake_says_why(case: Case) -> None:
    left = loopback(
        bundlePolicy="max-bundle",
        handshake_timeout=SHORT,
        srtp_profiles=(SrtpProfile.AEAD_AES_256_GCM,) if case.options else tuple(SrtpProfile),
    )
    right = loopback(**{"handshake_timeout": SHORT, **dict(case.options)})
    async with call(left, right) as between:
        if case.fate is not None:
            between.wire.fate = case.fate
        between.offerer.addTransceiver("audio")
        await between.offer()
        await between.offerer.setRemoteDescription(await between.make_answer(case.answer))

        for side, words in ((Side.OFFERER, case.offerer), (Side.ANSWERER, case.answerer)):
            if words is None:
                continue
            error = await failed(between, side)
            assert isinstance(error, DtlsError)
            assert re.search(words, str(error)), error
            assert "\n" not in str(error)


@pytest.mark.conformance("5-fp-mismatch")
@pytest.mark.parametrize("liar", [Side.OFFERER, Side.ANSWERER])
@in_virtual_time
async def test_a_mismatch_names_both_fingerprints(liar: Side) -> None:
    announced = Certificate.generate().fingerprint()

    def change(sdp: str) -> str:
        return re.sub(r"a=fingerprint:\S+ \S+", f"a=fingerprint:{announced}", sdp)

    async with call() as between:
        between.offerer.createDataChannel("x")
        await between.offer(change if liar is Side.OFFERER else str)
        answer = await between.make_answer(change if liar is Side.ANSWERER else str)
        await between.offerer.setRemoteDescription(answer)

        error = await failed(between, liar.other)
        shown = between.end(liar).security.transports[0].local_fingerprint
        assert str(error) == (
            "the peer's certificate does not match the fingerprint it signalled: "
            f"expected {announced}, shown {shown}"
        )
        assert not between.end(liar.other).security.verified


@in_virtual_time
async def test_data_needs_no_srtp_profile_in_common() -> None:
    left = loopback(srtp_profiles=(SrtpProfile.AEAD_AES_256_GCM,))
    right = loopback(srtp_profiles=(SrtpProfile.AEAD_AES_128_GCM,))
    async with call(left, right) as between:
        between.offerer.createDataChannel("x")
        await between.connect()

        assert between.offerer.security.transports[0].srtp_profile is None
        assert "no SRTP" in str(between.offerer.security)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """ICE that gives up within a moment."""
    timing = IceTiming(
        connect_timeout=SHORT,
        consent_interval=0.05,
        consent_grace=0.05,
        silence=0.1,
        consent_expiry=SHORT,
    )
    monkeypatch.setattr(ice_transport, "IceTiming", lambda: timing)


@pytest.mark.usefixtures("hasty")
@in_virtual_time
async def test_no_path_says_what_was_tried() -> None:
    async with call() as between:
        between.wire.fate = lambda _: ()
        between.offerer.createDataChannel("x")
        await between.exchange()

        error = await failed(between, Side.OFFERER)
        assert isinstance(error, IceError)
        assert re.fullmatch(
            r"no check has succeeded within 0\.3 s; we have 1 candidate \(1 host\), "
            r"the peer 1 candidate \(1 host\); of [1-9]\d* checks? that we sent none was answered; "
            r"0 checks of the peer's came",
            str(error),
        ), error


@pytest.mark.usefixtures("hasty")
@in_virtual_time
async def test_a_peer_without_candidates_is_named() -> None:
    async with call() as between:
        between.wire.fate = lambda _: ()
        between.offerer.createDataChannel("x")
        await between.offer()

        def without_candidates(sdp: str) -> str:
            return re.sub(r"a=candidate.*\r\n", "", sdp)

        answer = await between.make_answer(without_candidates)
        await between.offerer.setRemoteDescription(answer)

        assert "the peer no candidates" in str(await failed(between, Side.OFFERER))


@pytest.mark.usefixtures("hasty")
@in_virtual_time
async def test_expired_consent_is_named() -> None:
    async with call() as between:
        between.offerer.createDataChannel("x")
        await between.connect()
        between.wire.fate = lambda _: ()

        error = await failed(between, Side.OFFERER)
        assert isinstance(error, IceError)
        assert "consent to be sent to has expired: it answered no check for 0.3 s" in str(error)
