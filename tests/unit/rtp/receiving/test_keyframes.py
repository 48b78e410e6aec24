"""Times of key frame requests, and key frames that wait behind a gap."""

from __future__ import annotations

from peer.rtp.formats import format_of
from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.keyframes import KeyframeRequestTimer, WaitingKeyframe
from peer.rtp.receiving.packet_buffer import BufferedPacket
from tests.support.links.lossy_rtp import VP8, vp8_frame


def asked(requests: KeyframeRequestTimer, until: float, *, flows: bool = True) -> list[float]:
    times = []
    while requests.due is not None and requests.due < until:
        now = requests.due
        if requests.take_due(now, last_arrival=now if flows else 0.0, round_trip_time=0.05):
            times.append(round(now, 3))
    return times


def test_no_key_frame_is_requested_without_need() -> None:
    requests = KeyframeRequestTimer()
    assert requests.due is None
    assert not requests.take_due(5.0, last_arrival=5.0, round_trip_time=0.05)


def test_key_frame_is_requested_at_once_then_ever_more_rarely() -> None:
    requests = KeyframeRequestTimer()
    requests.need(10.0)
    assert asked(requests, 12.5) == [10.0, 10.3, 10.9, 11.5, 12.1]


def test_two_needs_make_one_key_frame_request() -> None:
    requests = KeyframeRequestTimer()
    requests.need(10.0)
    requests.take_due(10.0, last_arrival=10.0, round_trip_time=0.05)
    requests.need(10.01)
    assert requests.due == 10.3


def test_key_frame_request_is_repeated_after_round_trip() -> None:
    requests = KeyframeRequestTimer()
    requests.need(10.0)
    requests.take_due(10.0, last_arrival=10.0, round_trip_time=1.0)
    assert requests.due is not None
    assert requests.due > 11.0


def test_key_frame_requests_end_with_key_frame() -> None:
    requests = KeyframeRequestTimer()
    requests.need(10.0)
    requests.is_application_waiting = True
    requests.on_keyframe()
    assert requests.due is None
    assert not requests.is_application_waiting


def test_new_loss_requests_key_frame_without_waiting_for_former() -> None:
    requests = KeyframeRequestTimer()
    requests.need(10.0)
    requests.take_due(10.0, last_arrival=10.0, round_trip_time=0.05)
    requests.on_keyframe()
    requests.need(10.15)
    assert requests.due == 10.15


def test_key_frame_requests_keep_least_interval() -> None:
    requests = KeyframeRequestTimer()
    requests.need(10.0)
    requests.take_due(10.0, last_arrival=10.0, round_trip_time=0.05)
    requests.on_keyframe()
    requests.need(10.01)
    assert requests.due == 10.1


def test_silent_peer_gets_limited_number_of_key_frame_requests() -> None:
    requests = KeyframeRequestTimer()
    requests.need(10.0)
    assert len(asked(requests, 60.0, flows=False)) == 3
    assert requests.take_due(61.0, last_arrival=60.9, round_trip_time=0.05)


def test_peer_that_sends_again_gets_key_frame_request_at_once() -> None:
    requests = KeyframeRequestTimer()
    requests.need(10.0)
    assert asked(requests, 12.5, flows=False)[-1] == 10.9
    assert requests.due is not None
    assert requests.due > 12.2
    assert requests.take_due(12.1, last_arrival=12.1, round_trip_time=0.05)
    # As at first, whatever had been asked for in vain.
    assert round(requests.due, 3) == 12.4


def test_short_silence_does_not_repeat_key_frame_request_at_once() -> None:
    requests = KeyframeRequestTimer()
    requests.need(10.0)
    assert asked(requests, 10.5, flows=False) == [10.0, 10.3]
    assert not requests.take_due(10.35, last_arrival=10.35, round_trip_time=0.05)
    assert requests.take_due(10.4, last_arrival=10.35, round_trip_time=0.05)


FORMAT = format_of(VP8)


def packets(first: int, timestamp: int, *, keyframe: bool) -> dict[int, BufferedPacket]:
    payloads = FORMAT.packetize(vp8_frame(3000, keyframe=keyframe), keyframe=keyframe, limit=1200)
    return {
        first + index: (
            RtpPacket(
                payload_type=96,
                sequence_number=first + index,
                timestamp=timestamp,
                ssrc=1,
                payload=payload,
                marker=index == len(payloads) - 1,
            ),
            None,
            0.0,
        )
        for index, payload in enumerate(payloads)
    }


def waiting_keyframe(*items: dict[int, BufferedPacket]) -> WaitingKeyframe:
    keyframe, waiting = WaitingKeyframe(), dict[int, BufferedPacket]()
    for each in items:
        for number, item in each.items():
            waiting[number] = item
            keyframe.add(number, item[0], FORMAT)
            keyframe.update(waiting)
    return keyframe


def test_complete_key_frame_among_waiting_packets_is_found() -> None:
    keyframe = waiting_keyframe(packets(10, 0, keyframe=True))
    assert keyframe.complete
    assert keyframe.start == 10


def test_delta_frame_is_not_taken_for_waiting_key_frame() -> None:
    assert not waiting_keyframe(packets(10, 0, keyframe=False)).complete


def test_waiting_key_frame_without_a_packet_is_incomplete() -> None:
    waiting = packets(10, 0, keyframe=True)
    del waiting[11]
    assert not waiting_keyframe(waiting).complete


def test_waiting_key_frame_is_complete_when_last_packet_comes() -> None:
    waiting = packets(10, 0, keyframe=True)
    missing = {11: waiting.pop(11)}
    assert waiting_keyframe(waiting, missing).complete


def test_start_of_next_frame_completes_waiting_key_frame() -> None:
    waiting = packets(10, 0, keyframe=True)
    last = max(waiting)
    waiting[last][0].marker = False
    assert not waiting_keyframe(waiting).complete
    following = packets(last + 1, 3000, keyframe=False)
    del following[max(following)]
    assert waiting_keyframe(waiting, following).complete


def test_waiting_key_frame_starts_at_first_packet_of_its_timestamp() -> None:
    waiting = packets(10, 0, keyframe=True)
    waiting[11][0].payload = waiting[10][0].payload
    keyframe = waiting_keyframe(waiting)
    assert keyframe.complete
    assert keyframe.start == 10


def test_waiting_key_frame_is_forgotten_when_its_packets_leave() -> None:
    keyframe = waiting_keyframe(packets(10, 0, keyframe=True))
    keyframe.update({})
    assert not keyframe.complete
