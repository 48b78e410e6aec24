"""What the benchmark of lost sound sends, and its table."""

from __future__ import annotations

import pytest
from av import AudioFrame

from benchmarks.loss_receivers import RECEIVERS
from benchmarks.loss_sound import HEADINGS, Row, Voice, markdown
from peer.rtp.codecs import AudioEncoder
from peer.rtp.codecs.libopus import OpusDecoder, libopus
from tests.support.clock.virtual_time import in_virtual_time
from tests.support.media.moving import codec_named


@pytest.mark.skipif(libopus() is None, reason="no libopus was found")
@in_virtual_time
async def test_voice_is_speech_to_opus_with_pauses_that_have_no_copies() -> None:
    library = libopus()
    assert library is not None
    voice, decoder, encoder = Voice(), OpusDecoder(library), AudioEncoder(codec_named("opus"))
    copies = []
    for _ in range(200):
        frame = await voice.recv()
        assert isinstance(frame, AudioFrame)
        copies += [decoder.recoverable(packet.payload) > 0 for packet in encoder.encode(frame)]
    assert 0.3 < sum(copies) / len(copies) < 0.8


def test_table_has_a_line_for_each_loss_and_form_and_a_column_for_each_receiver() -> None:
    rows = [
        Row(loss, form, make.name, loss / (index + 1), loss / 10, index / 100)
        for loss in (0.01, 0.2)
        for form in ("Opus with FEC", "RED")
        for index, make in enumerate(RECEIVERS)
    ]
    lines = markdown(rows).splitlines()
    assert lines[0] == f"| {' | '.join(HEADINGS)} |"
    assert lines[2:] == [
        "| 1% | Opus with FEC | 1.00% | 0.50% | 0.33% | 0.10% | 0 ms | 20 ms |",
        "| 1% | RED | 1.00% | 0.50% | 0.33% | 0.10% | 0 ms | 20 ms |",
        "| 20% | Opus with FEC | 20.00% | 10.00% | 6.67% | 2.00% | 0 ms | 20 ms |",
        "| 20% | RED | 20.00% | 10.00% | 6.67% | 2.00% | 0 ms | 20 ms |",
    ]
