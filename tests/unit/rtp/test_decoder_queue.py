"""The bounded queue in front of a decoder."""

from __future__ import annotations

import threading

from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from peer.rtp.decoder_queue import DecoderQueue
from peer.rtp_parameters import MediaKind
from peer.transport.seam.rtp import EncodedFrame

CODEC = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=97)


def filled(kind: MediaKind, count: int, losses: list[None] | None = None) -> DecoderQueue:
    losses = [] if losses is None else losses
    queue = DecoderQueue(kind, on_picture_loss=lambda: losses.append(None), limit=3)
    for timestamp in range(count):
        queue.put((CODEC, EncodedFrame(b"x", timestamp)))
    queue.put((CODEC, EncodedFrame(b"x", 99)))
    return queue


def taken(queue: DecoderQueue) -> int:
    item = queue.get()
    assert item is not None
    return item[1].timestamp


def test_audio_loses_its_oldest_frame() -> None:
    losses: list[None] = []
    queue = filled(MediaKind.AUDIO, 3, losses)
    assert [taken(queue) for _ in range(3)] == [1, 2, 99]
    assert (queue.dropped, losses) == (1, [])


def test_video_loses_all_and_asks_for_a_whole_picture() -> None:
    losses: list[None] = []
    queue = filled(MediaKind.VIDEO, 3, losses)
    assert taken(queue) == 99
    assert (queue.dropped, len(losses)) == (3, 1)


def test_end_passes_all_that_waits() -> None:
    queue = filled(MediaKind.VIDEO, 2)
    queue.put(None)
    assert queue.get() is None


def test_empty_frame_never_reaches_the_decoder() -> None:
    queue = DecoderQueue(MediaKind.VIDEO, on_picture_loss=lambda: None)
    queue.put((CODEC, EncodedFrame(b"", 1)))
    queue.put((CODEC, EncodedFrame(b"x", 2)))
    assert taken(queue) == 2


def test_thread_that_waits_is_woken() -> None:
    queue = DecoderQueue(MediaKind.AUDIO, on_picture_loss=lambda: None)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(taken(queue)))
    thread.start()
    queue.put((CODEC, EncodedFrame(b"x", 5)))
    thread.join(timeout=10)
    assert found == [5]
