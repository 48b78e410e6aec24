"""The streams of a simulcast: one for each encoding, sent while there is bitrate for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from peer.rtp.congestion import Share
from peer.rtp.outbound.encodings import RtpEncodingParameters
from peer.rtp.outbound.outbound_streams import OutboundStreams
from peer.rtp.packet import MID, REPAIRED_RID, RID, RtpPacket, elements
from peer.rtp.rtcp import Nack, PictureLossIndication
from peer.rtp_parameters import HeaderExtension, MediaKind, SendLayer, SendParameters
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.rtp.outgoing import (
    H264,
    RTX,
    VP8,
    FakeEngine,
    FakeSubscription,
    FakeSubscriptions,
    picture,
)
from tests.support.rtp.parameters import QueueTrack

VIDEO = MediaKind.VIDEO
#: SSRC of each layer, by RID; that of its RTX stream is greater by 10.
SSRCS = {"q": 1, "h": 2, "f": 3}
#: Enough for all layers of pictures of 1280 by 720.
PLENTY = 5_000_000
EXTENSIONS = (HeaderExtension(1, MID), HeaderExtension(10, RID), HeaderExtension(11, REPAIRED_RID))


def encodings(**changes: object) -> tuple[RtpEncodingParameters, ...]:
    return tuple(
        RtpEncodingParameters(rid=rid, scaleResolutionDownBy=scale, **changes)  # type: ignore[arg-type]  # any member
        for rid, scale in (("q", 4.0), ("h", 2.0), ("f", 1.0))
    )


def parameters(*rids: str, paused: str = "", uses_rids: bool = True) -> SendParameters:
    return SendParameters(
        mid="0",
        codecs=(VP8, RTX, H264),
        extensions=EXTENSIONS,
        cname="us",
        layers=tuple(
            SendLayer(rid=rid, ssrc=SSRCS[rid], rtx_ssrc=SSRCS[rid] + 10, paused=rid in paused)
            for rid in rids or tuple(SSRCS)
        ),
        uses_rids=uses_rids,
    )


@dataclass
class Simulcast:
    """A sender of one picture in three encodings."""

    agreed: SendParameters = field(default_factory=parameters)
    asked: tuple[RtpEncodingParameters, ...] = field(default_factory=encodings)
    engine: FakeEngine = field(default_factory=FakeEngine)
    subscriptions: FakeSubscriptions = field(default_factory=FakeSubscriptions)

    def __post_init__(self) -> None:
        self.streams = OutboundStreams(
            VIDEO,
            self.engine,
            self.agreed,
            self.asked,
            ssrc=1,
            rtx_ssrc=11,
            subscribe=self.subscriptions,
        )
        self.track = QueueTrack(VIDEO)
        self.streams.set_track(self.track)

    def of(self, rid: str) -> FakeSubscription:
        """The subscription of a layer, known by what divides its pictures."""
        scale = next(each.scaleResolutionDownBy for each in self.asked if each.rid == rid)
        (found,) = (s for s in self.subscriptions.open if s.settings.scale_down_by == scale)
        return found

    def sent(self) -> list[str]:
        """The RIDs of the layers that are sent."""
        rids = [layer.rid for layer in self.agreed.layers]
        return [rid for rid in rids if self.of(rid).active]

    def give(self, pts: int = 0, *, keyframe: bool = True) -> None:
        """Give a picture of 1280 by 720 in each layer that is sent."""
        for rid, by in (("q", 4), ("h", 2), ("f", 1)):
            if rid in self.sent():
                frame = picture(pts, keyframe=keyframe, payloads=4)
                self.of(rid).on_frame(replace(frame, width=1280 // by, height=720 // by))


def told(packet: RtpPacket) -> tuple[bytes | None, bytes | None]:
    """The RID and the repaired RID of a packet."""
    found = elements(packet.profile, packet.extension)
    return found.get(10), found.get(11)


@in_virtual_time
async def test_each_layer_is_a_stream_with_its_rid() -> None:
    call = Simulcast()
    call.engine.target(PLENTY)
    call.give()
    assert [(each.ssrc, told(each)) for each in call.engine.packets[::4]] == [
        (1, (b"q", None)),
        (2, (b"h", None)),
        (3, (b"f", None)),
    ]
    assert [each.ssrcs for each in call.streams] == [(1, 11), (2, 12), (3, 13)]


@in_virtual_time
async def test_retransmissions_say_the_rid_that_they_repair() -> None:
    call = Simulcast()
    call.engine.target(PLENTY)
    call.give()
    lost = call.engine.packets[4].sequence_number
    call.engine.tell(Nack(9, 2, (lost,)))
    assert [(each.ssrc, told(each)) for each in call.engine.packets[12:]] == [(12, (None, b"h"))]


@in_virtual_time
async def test_rids_are_not_said_to_a_peer_that_took_no_simulcast() -> None:
    call = Simulcast(parameters("h", uses_rids=False))
    call.engine.target(PLENTY)
    call.give()
    packet = call.engine.packets[0]
    assert (packet.ssrc, told(packet)) == (2, (None, None))


@in_virtual_time
async def test_layers_claim_bitrate_as_one_sender() -> None:
    call = Simulcast()
    assert list(call.engine.shares.values()) == [Share(30_000, 200_000 + 700_000 + 2_500_000)]
    call.streams.stop()
    assert call.engine.shares == {}
    assert call.engine.senders == {}


@in_virtual_time
async def test_layers_begin_with_the_smallest_and_stop_with_the_largest() -> None:
    call = Simulcast()
    call.engine.target(100_000)
    assert call.sent() == ["q"]
    call.engine.target(400_000)
    assert call.sent() == ["q", "h"]
    call.engine.target(PLENTY)
    assert call.sent() == ["q", "h", "f"]
    call.engine.target(900_000)
    assert call.sent() == ["q", "h"]
    assert call.engine.discarded[-1] is [*call.streams][2].rtp
    call.engine.target(20_000)
    assert call.sent() == ["q"]
    assert [stream.target for stream in call.streams] == [20_000, 0, 0]
    assert all(stream.is_bandwidth_limited for stream in call.streams)


@in_virtual_time
async def test_bitrates_follow_the_size_of_the_source() -> None:
    call = Simulcast()
    call.engine.target(PLENTY)
    before = [each.maximum for each in call.engine.shares.values()]
    frame = picture(0, keyframe=True)
    call.of("q").on_frame(replace(frame, width=160, height=90))
    assert [each.maximum for each in call.engine.shares.values()] < before
    assert call.of("f").bitrate is not None
    assert (call.of("f").bitrate or 0) <= 700_000


@in_virtual_time
async def test_key_frame_is_asked_of_the_layer_that_the_peer_names() -> None:
    call = Simulcast()
    call.engine.target(PLENTY)
    before = {rid: call.of(rid).keyframes for rid in SSRCS}
    call.engine.tell(PictureLossIndication(9, 2))
    assert {rid: call.of(rid).keyframes - before[rid] for rid in SSRCS} == {"q": 0, "h": 1, "f": 0}
    call.streams.request_keyframe(2)
    assert {rid: call.of(rid).keyframes - before[rid] for rid in SSRCS} == {"q": 0, "h": 1, "f": 1}


@in_virtual_time
async def test_inactive_layer_gives_its_bitrate_to_the_others() -> None:
    call = Simulcast()
    call.engine.target(400_000)
    first, *others = call.asked
    call.streams.set_encodings((replace(first, active=False), *others))
    call.engine.target(400_000)
    assert call.sent() == ["h"]
    assert [stream.target for stream in call.streams][1:] == [400_000, 0]
    call.streams.set_encodings(tuple(replace(each, active=False) for each in call.asked))
    assert call.sent() == []
    assert call.engine.shares == {}


@in_virtual_time
async def test_layer_that_the_peer_paused_is_sent_once_it_wants_it() -> None:
    call = Simulcast(parameters(paused="h"))
    call.engine.target(PLENTY)
    assert call.sent() == ["q", "f"]
    call.streams.set_parameters(parameters(), call.asked)
    call.engine.target(PLENTY)
    assert call.sent() == ["q", "h", "f"]


@in_virtual_time
async def test_layer_that_an_answer_left_out_ends_with_a_bye() -> None:
    call = Simulcast()
    call.engine.target(PLENTY)
    call.give()
    call.streams.set_parameters(parameters("q", "f"), (call.asked[0], call.asked[2]))
    call.agreed = parameters("q", "f")
    assert [each.ssrcs[0] for each in call.streams] == [1, 3]
    assert call.sent() == ["q", "f"]
    (goodbye,) = (each[-1] for each in call.engine.rtcp)
    assert getattr(goodbye, "ssrcs", None) == (2,)


@in_virtual_time
async def test_negotiated_pause_stops_all_layers_for_a_while() -> None:
    call = Simulcast()
    call.engine.target(PLENTY)
    call.streams.set_parameters(None, call.asked)
    assert call.sent() == []
    call.streams.set_parameters(call.agreed, call.asked)
    call.engine.target(PLENTY)
    assert call.sent() == ["q", "h", "f"]


@in_virtual_time
async def test_layers_of_equal_settings_have_encoders_of_their_own() -> None:
    same = tuple(replace(each, scaleResolutionDownBy=1.0) for each in encodings())
    call = Simulcast(asked=same)
    keys = [each.settings.key for each in call.subscriptions.open]
    assert len(set(keys)) == 3
    again = Simulcast(asked=same)
    assert [each.settings.key for each in again.subscriptions.open] == keys


@in_virtual_time
async def test_pictures_that_come_encoded_go_out_once() -> None:
    call = Simulcast()
    call.engine.target(PLENTY)
    for rid in SSRCS:
        call.of(rid).on_frame(picture(0, keyframe=True, encoded=False))
    assert [each.ssrc for each in call.engine.packets] == [3]


@in_virtual_time
async def test_encoding_may_have_a_codec_of_its_own() -> None:
    call = Simulcast()
    call.engine.target(PLENTY)
    first, *others = call.asked
    call.streams.set_encodings((replace(first, codec="video/H264"), *others))
    call.engine.target(PLENTY)
    assert [each.settings.codec.name for each in call.subscriptions.open] == ["VP8", "VP8", "H264"]
    call.give()
    assert {each.ssrc: each.payload_type for each in call.engine.packets} == {1: 99, 2: 97, 3: 97}
    call.streams.set_encodings(call.asked)
    assert {each.settings.codec.name for each in call.subscriptions.open} == {"VP8"}


@in_virtual_time
async def test_padding_makes_up_for_simple_pictures_while_a_layer_waits() -> None:
    call = Simulcast()
    call.engine.target(300_000)
    for number in range(30):
        call.give(number * 3000, keyframe=not number)
        await asyncio.sleep(1 / 30)
    octets = sum(len(each.payload) + 24 for each in call.engine.packets)
    assert 200_000 < octets * 8 < 400_000
    assert call.sent() == ["q"]
    padding = [each for each in call.engine.packets if each.ssrc != 1]
    assert {each.ssrc for each in padding} == {11}
    (first, *_) = call.streams
    assert first.rtp.counters.padding_octets == first.rtp.counters.retransmitted_octets


@in_virtual_time
async def test_no_padding_is_sent_once_all_layers_are() -> None:
    call = Simulcast()
    call.engine.target(PLENTY)
    for number in range(30):
        call.give(number * 3000, keyframe=not number)
        await asyncio.sleep(1 / 30)
    assert {each.ssrc for each in call.engine.packets} == {1, 2, 3}


@in_virtual_time
async def test_padding_ends_with_the_streams() -> None:
    call = Simulcast()
    call.engine.target(300_000)
    call.give()
    await asyncio.sleep(1.0)
    call.streams.stop()
    sent = len(call.engine.packets)
    await asyncio.sleep(1.0)
    assert len(call.engine.packets) == sent


@in_virtual_time
async def test_one_encoding_has_the_engine_itself_and_no_rid() -> None:
    call = Simulcast(
        replace(parameters(), layers=(), uses_rids=False),
        (RtpEncodingParameters(scaleResolutionDownBy=1.0),),
    )
    (stream,) = call.streams
    assert list(call.engine.shares) == [stream]
    call.subscriptions.give(picture(0, keyframe=True))
    assert told(call.engine.packets[0]) == (None, None)
