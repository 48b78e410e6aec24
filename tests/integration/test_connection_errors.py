"""What cannot be: a named error, and nothing changed."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from peer import (
    BundlePolicy,
    ConfigurationError,
    DescriptionError,
    FingerprintError,
    IceCandidate,
    IceError,
    IceServer,
    InvalidStateError,
    PeerConfiguration,
    PeerConnection,
    SdpLimitError,
    SdpLimits,
    SdpSyntaxError,
    SdpType,
    SessionDescription,
    SetupError,
    TransportError,
)
from tests.support.negotiation.connection_media import ToneTrack
from tests.support.negotiation.connection_state import (
    eventually,
    nothing_left,
    refused,
    snapshot,
    sockets,
)
from tests.support.negotiation.connections import (
    answer,
    connect,
    connected_pair,
    exchange,
    local,
    loopback,
    offer,
    pair,
    unbundled,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Change = Callable[[SessionDescription], SessionDescription]

ROLLBACK = SessionDescription("", SdpType.ROLLBACK)
UNUSED = "203.0.113.1"  # TEST-NET-3: no address of this machine


def edit(description: SessionDescription, old: str, new: str) -> SessionDescription:
    """The description with the last occurrence changed, which is in its last m-section."""
    head, found, tail = description.sdp.rpartition(old)
    assert found, f"{old!r} is not in the description"
    return replace(description, sdp=f"{head}{new}{tail}")


def drop(name: str) -> Change:
    """Leave the last `a=` line of that name out."""

    def change(description: SessionDescription) -> SessionDescription:
        rows = description.sdp.splitlines(keepends=True)
        last = max(i for i, row in enumerate(rows) if row.startswith(f"a={name}"))
        return replace(description, sdp="".join(rows[:last] + rows[last + 1 :]))

    return change


def swap(old: str, new: str) -> Change:
    return lambda description: edit(description, old, new)


BOTH: dict[str, tuple[Change, type[Exception], str | None]] = {
    "no text": (lambda d: replace(d, sdp=""), DescriptionError, None),
    "no sdp": (lambda d: replace(d, sdp="hello\r\n"), SdpSyntaxError, "line 1"),
    "nul": (swap("a=mid:2", "a=mid:2\0"), DescriptionError, "line"),
    "malformed line": (swap("a=sctp-port:", "a=sctp-port:x"), SdpSyntaxError, "sctp-port:x"),
    "mid twice": (swap("a=mid:2", "a=mid:1"), DescriptionError, "mid"),
    "no mid": (drop("mid"), DescriptionError, "mid"),
    "no fingerprint": (drop("fingerprint"), FingerprintError, "fingerprint"),
    "weak fingerprint": (
        swap("fingerprint:sha-256", "fingerprint:md5"),
        FingerprintError,
        "md5",
    ),
    "no ufrag": (drop("ice-ufrag"), DescriptionError, "ice"),
    "short ufrag": (swap("a=ice-ufrag:", "a=ice-ufrag:x\r\na=x:"), DescriptionError, "ufrag"),
    "no password": (drop("ice-pwd"), DescriptionError, "ice"),
    "holdconn": (swap("a=setup:", "a=setup:holdconn\r\na=x:"), SetupError, "holdconn"),
    "unknown setup": (swap("a=setup:", "a=setup:both\r\na=x:"), DescriptionError, "setup"),
    "too many candidates": (
        swap("a=mid:2", "a=mid:2" + "\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ host" * 5000),
        DescriptionError,
        None,
    ),
}

ANSWERS: dict[str, tuple[Change, type[Exception], str | None]] = {
    "actpass": (swap("a=setup:active", "a=setup:actpass"), SetupError, "setup:actpass"),
    "m-section missing": (
        lambda d: replace(d, sdp=d.sdp.rpartition("m=")[0]),
        DescriptionError,
        "m-section",
    ),
    "another mid": (swap("a=mid:2", "a=mid:9"), DescriptionError, "a=mid:9"),
    "another kind": (swap("m=application", "m=image"), DescriptionError, "image"),
    "bundle of a stranger": (
        swap("s=-\r\n", "s=-\r\na=group:BUNDLE 0 1 2 3\r\n"),
        DescriptionError,
        "'3', which is no m-section",
    ),
    "no setup": (drop("setup"), SetupError, "a=setup"),
}


def wish(pc: PeerConnection) -> None:
    pc.addTrack(ToneTrack(440))
    pc.addTransceiver("video")
    pc.createDataChannel("x")


@pytest.mark.parametrize(("change", "error", "words"), BOTH.values(), ids=BOTH.keys())
async def test_a_bad_offer_is_named_and_changes_nothing(
    change: Change, error: type[Exception], words: str | None
) -> None:
    async with pair(*STRICT) as (left, right):
        wish(left)
        right.addTrack(ToneTrack(440))
        await left.setLocalDescription()
        bad = change(unbundled(local(left)))
        async with refused(right, error, words):
            await right.setRemoteDescription(bad)

        await connect(left, right)


#: Two ends that take nothing beyond the standards; what is taken else has tests of its own.
STRICT = [loopback(bundlePolicy=BundlePolicy.MAX_COMPAT, sdp_leniency=())] * 2


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [*BOTH.values(), *ANSWERS.values()],
    ids=[*BOTH.keys(), *ANSWERS.keys()],
)
async def test_a_bad_third_m_section_of_an_answer_is_named_and_changes_nothing(
    change: Change, error: type[Exception], words: str | None
) -> None:
    async with pair(*STRICT) as (left, right):
        wish(left)
        await left.setLocalDescription()
        await right.setRemoteDescription(unbundled(local(left)))
        await right.setLocalDescription()
        bad = change(local(right))
        async with refused(left, error, words):
            await left.setRemoteDescription(bad)

        await left.setRemoteDescription(local(right))
        await left.connected()


@pytest.mark.parametrize("kind", [SdpType.OFFER, SdpType.ANSWER, SdpType.PRANSWER])
async def test_a_bad_description_in_a_call_leaves_the_call(kind: SdpType) -> None:
    async with connected_pair() as (left, right, channel):
        if kind is not SdpType.OFFER:
            left.addTransceiver("audio")
            await left.setLocalDescription()
        async with refused(left, DescriptionError):
            await left.setRemoteDescription(SessionDescription("v=0\r\nnonsense\r\n", kind))

        assert left.connectionState == right.connectionState == "connected"
        assert channel.readyState == "open"


async def test_an_offer_that_moves_the_m_sections_is_refused() -> None:
    async with pair() as (left, right):
        left.addTransceiver("audio")
        left.createDataChannel("x")
        await connect(left, right)
        left.addTransceiver("video")
        await left.setLocalDescription()
        head, first, second, third = local(left).sdp.split("m=")
        moved = "m=".join([head, second, first, third])
        async with refused(right, DescriptionError):
            await right.setRemoteDescription(replace(local(left), sdp=moved))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (SdpLimits(size=1000), "1,?000"),
        (SdpLimits(media_sections=2), "2"),
        (SdpLimits(attributes=10), "10"),
    ],
)
async def test_a_description_beyond_the_limits_is_refused(limits: SdpLimits, words: str) -> None:
    async with pair(right=loopback(sdp_limits=limits)) as (left, right):
        wish(left)
        await left.setLocalDescription()
        async with refused(right, SdpLimitError, words):
            await right.setRemoteDescription(local(left))


# The world that does not give what a description needs


async def test_an_offer_without_an_address_to_bind_changes_nothing() -> None:
    async with PeerConnection(loopback(interfaces=(UNUSED,))) as pc:
        wish(pc)
        async with refused(pc, IceError, UNUSED):
            await pc.setLocalDescription()


async def test_an_answer_without_an_address_to_bind_changes_nothing() -> None:
    async with pair(right=loopback(interfaces=(UNUSED,))) as (left, right):
        wish(left)
        await offer(left, right)
        async with refused(right, IceError, UNUSED):
            await right.setLocalDescription()
        # The offer is still there, to be answered or refused.
        assert right.signalingState == "have-remote-offer"


@contextmanager
def room_for(count: int) -> Iterator[None]:
    """Let the process open as many file descriptors more, and none beyond."""
    free = [os.dup(0) for _ in range(count)]
    for descriptor in free:
        os.close(descriptor)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(free) + 1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("room", [1, 2, 3])
async def test_a_failure_in_the_middle_takes_back_what_went_before(room: int) -> None:
    async with pair(*STRICT) as (left, right):
        left.addTransceiver("audio")
        left.addTransceiver("audio")
        wish(left)
        async with refused(left, IceError, "no socket"):
            with room_for(room):
                await left.setLocalDescription()

        await connect(left, right)


@pytest.mark.parametrize("turns", range(1, 12))
async def test_a_description_that_is_cancelled_leaves_nothing_behind(turns: int) -> None:
    async with (
        nothing_left(),
        pair(loopback(bundlePolicy=BundlePolicy.MAX_COMPAT)) as (left, right),
    ):
        wish(left)
        before = snapshot(left), sockets()
        task = asyncio.create_task(left.setLocalDescription())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

        if task.cancelled():
            await eventually(lambda: (snapshot(left), sockets()) == before)
        else:
            assert left.signalingState == "have-local-offer"
            await left.setLocalDescription(ROLLBACK)
        await connect(left, right)


async def test_a_description_that_is_cancelled_while_it_waits_is_not_applied() -> None:
    async with PeerConnection(loopback()) as pc:
        pc.createDataChannel("x")
        first = asyncio.create_task(pc.setLocalDescription())
        second = asyncio.create_task(pc.createOffer())
        third = asyncio.create_task(pc.createOffer())
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([first, second, third])

        assert second.cancelled()
        assert first.exception() is third.exception() is None


# After the end


CALLS: dict[str, Callable[[PeerConnection], Any]] = {
    "createOffer": lambda pc: pc.createOffer(),
    "createAnswer": lambda pc: pc.createAnswer(),
    "setLocalDescription": lambda pc: pc.setLocalDescription(),
    "setRemoteDescription": lambda pc: pc.setRemoteDescription(
        SessionDescription("", SdpType.OFFER)
    ),
    "addIceCandidate": lambda pc: pc.addIceCandidate(IceCandidate()),
    "addTrack": lambda pc: pc.addTrack(ToneTrack(440)),
    "addTransceiver": lambda pc: pc.addTransceiver("audio"),
    "createDataChannel": lambda pc: pc.createDataChannel("x"),
    "connected": lambda pc: pc.connected(),
    "gathering_complete": lambda pc: pc.gathering_complete(),
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_closed_connection_does_nothing_more(name: str) -> None:
    async with pair() as (left, right):
        left.addTrack(ToneTrack(440))
        await exchange(left, right)
        await left.close()
        async with refused(left, InvalidStateError, "closed"):
            result = CALLS[name](left)
            if asyncio.iscoroutine(result):
                await result


async def test_a_transceiver_of_a_closed_connection_does_nothing_more() -> None:
    async with pair() as (left, right):
        transceiver = left.addTransceiver("audio")
        await exchange(left, right)
        await left.close()

        with pytest.raises(InvalidStateError):
            left.removeTrack(transceiver.sender)
        with pytest.raises(InvalidStateError):
            transceiver.direction = "inactive"
        with pytest.raises(InvalidStateError):
            transceiver.setCodecPreferences(["audio/opus"])
        with pytest.raises(InvalidStateError):
            await transceiver.stop()
        with pytest.raises(InvalidStateError):
            await transceiver.sender.replaceTrack(None)


async def test_a_closed_connection_can_still_be_looked_at() -> None:
    async with connected_pair() as (left, _, channel):
        left.addTransceiver("audio")
        await left.close()

        states = {left.signalingState, left.connectionState, left.iceConnectionState}
        assert states == {"closed"}
        assert left.error is None
        assert channel.readyState == "closed"
        assert local(left).type == "offer"
        assert isinstance(await left.getStats(), dict)
        assert isinstance(left.getConfiguration(), PeerConfiguration)
        assert "closed" in repr(left)


@pytest.mark.parametrize("url", ["stun:", "turns:x:99999", "turn:h?transport=dtls"])
def test_a_server_that_cannot_be_used_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError):
        PeerConnection(loopback(iceServers=[IceServer(url, username="u", credential="p")]))


def test_the_configuration_is_what_was_given() -> None:
    configuration = loopback(bundlePolicy="max-compat")

    assert PeerConnection(configuration).getConfiguration() is configuration
    assert PeerConnection().getConfiguration() == PeerConfiguration()


async def test_an_unknown_event_is_refused() -> None:
    async with PeerConnection(loopback()) as pc:
        with pytest.raises(ValueError, match="PeerConnection has no event 'message'; its events"):
            pc.on("message", print)  # type: ignore[call-overload]  # that is the fault


async def test_the_answer_to_a_refused_answer_may_be_another() -> None:
    async with pair() as (left, right):
        left.createDataChannel("x")
        await offer(left, right)
        created = await right.createAnswer()
        with pytest.raises(DescriptionError):
            await left.setRemoteDescription(edit(created, "a=setup:active", "a=setup:actpass"))
        await answer(right, left)
        await left.connected()


async def test_nothing_agreed_ends_the_wait_with_what_each_section_lacks() -> None:
    async with pair() as (offerer, answerer):
        offerer.addTransceiver("audio")
        offerer.addTransceiver("video")
        await offerer.setLocalDescription()
        described = offerer.localDescription
        assert described is not None
        lines = described.sdp.splitlines(keepends=True)
        plain = "".join(line for line in lines if not line.startswith(("a=rtcp-mux", "a=bundle")))
        waiting = asyncio.create_task(answerer.connected())
        await answerer.setRemoteDescription(SessionDescription(sdp=plain, type=SdpType.OFFER))
        await answerer.setLocalDescription()
        with pytest.raises(TransportError) as failure:
            await within(waiting)
        assert str(failure.value) == (
            "nothing was agreed with the peer: "
            "m-section '0': it is rejected: RTP and RTCP must share a port (a=rtcp-mux); "
            "m-section '1': it is rejected: RTP and RTCP must share a port (a=rtcp-mux)"
        )
        assert answerer.signalingState == "stable"
