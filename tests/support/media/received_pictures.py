"""Pictures of a sender, received and recorded in virtual time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from media.recording.containers import Container
from media.recording.segments import FileNames, SegmentRule
from media.recording.timeline import Timeline
from media.recording.transcode import TranscodingPlan
from media.recording.write_queue import Finish, WriteQueue
from media.recording.writer import Writer
from peer.rtp.packet import RtpPacket
from peer.rtp.receiving.stream_receiver import RtpStreamReceiver
from peer.rtp_parameters import MediaKind, ReceiveParameters
from tests.support.media.nal_senders import CODECS, Sent
from tests.support.media.series_told import Told

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from media.recording.events import Transcoding
    from media.recording.timeline import PlacedFrame
    from peer.rtp.encoded_frame import EncodedFrame

#: Seconds until the writer has certainly ended.
_PATIENCE = 300.0


def received(
    name: str, sent: Iterable[Sent], *, framerate: float = 30.0, began: float = 100.0
) -> list[EncodedFrame]:
    """The frames that a receiver gives, where pictures come at even times, in the order sent."""
    frames: list[EncodedFrame] = []
    receiver = RtpStreamReceiver(
        MediaKind.VIDEO, on_frame=frames.append, on_feedback=lambda _: None
    )
    codec = CODECS[name]
    receiver.configure(ReceiveParameters(mid="0", codecs=(codec,), extensions=()), 9)
    now, timestamp = began, None
    for number, each in enumerate(sent):
        if each.timestamp != timestamp:
            now += 1 / framerate
            timestamp = each.timestamp
        receiver.receive(
            RtpPacket(
                payload_type=codec.payload_type,
                sequence_number=number % 65_536,
                timestamp=each.timestamp,
                ssrc=1,
                payload=each.payload,
                marker=each.marker,
            ),
            {},
            now,
        )
    receiver.goodbye(1)
    return frames


class _Listener(Told):
    def __init__(self) -> None:
        super().__init__()
        self.finished = threading.Event()

    def on_transcoding(self, transcoding: Transcoding) -> None:
        pass

    def on_finished(self) -> None:
        self.finished.set()


def placed(*tracks: Sequence[EncodedFrame]) -> list[PlacedFrame]:
    """The places of the frames of one sender, which a recorder is given as they come."""
    timeline = Timeline()
    for key, track in enumerate(tracks):
        timeline.add(key, track[0].codec.kind, "sender")
    every = sorted(
        ((frame, key) for key, track in enumerate(tracks) for frame in track),
        key=lambda each: each[0].arrival,
    )
    made = []
    for frame, key in every:
        timeline.put(key, frame)
        timeline.advance(frame.arrival)
        made += timeline.take()
    timeline.finish()
    return made + timeline.take()


def record(path: Path, frames: Sequence[PlacedFrame], *, rule: SegmentRule | None = None) -> Told:
    """Write placed frames into files."""
    container, queue, listener = Container.of(path), WriteQueue(), _Listener()
    writer = Writer(
        queue,
        names=FileNames(path),
        container=container,
        rule=rule or SegmentRule(),
        plan=TranscodingPlan(container, ()),
        listener=listener,
    )
    queue.put(frames)
    queue.order(Finish())
    writer.start()
    assert listener.finished.wait(_PATIENCE)
    return listener
