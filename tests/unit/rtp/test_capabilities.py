"""Codecs to offer: for both directions, and for receiving only."""

from __future__ import annotations

import pytest

from peer.rtp.capabilities import capabilities
from peer.rtp.packet import AUDIO_LEVEL, MID, TRANSPORT_CC
from peer.rtp_parameters import MediaKind


@pytest.mark.parametrize("kind", MediaKind)
def test_installed_codecs_work_in_both_directions(kind: MediaKind) -> None:
    assert capabilities(kind).receive_only == ()


def test_capabilities_list_codecs_in_order() -> None:
    def names(kind: MediaKind) -> list[str]:
        return [codec.name for codec in capabilities(kind).codecs if not codec.is_auxiliary]

    assert names(MediaKind.AUDIO) == ["opus", "G722", "PCMU", "PCMA"]
    assert names(MediaKind.VIDEO) == ["VP8", "H264", "H264", "VP9", "AV1", "H264", "H264"]


def test_codec_without_encoder_is_receive_only_with_its_rtx() -> None:
    able = capabilities(MediaKind.VIDEO, encodable=lambda codec: codec.name != "AV1")
    assert "AV1" not in {codec.name for codec in able.codecs}
    media, repair = able.receive_only
    assert media.name == "AV1"
    assert repair.apt == media.payload_type


def test_payload_types_and_extension_ids_are_unique_over_both_kinds() -> None:
    codecs = [codec for kind in MediaKind for codec in capabilities(kind).codecs]
    assert len({codec.payload_type for codec in codecs}) == len(codecs)
    uris = {e.id: e.uri for kind in MediaKind for e in capabilities(kind).extensions}
    pairs = {(e.id, e.uri) for kind in MediaKind for e in capabilities(kind).extensions}
    assert pairs == set(uris.items())
    assert {MID, TRANSPORT_CC, AUDIO_LEVEL} <= set(uris.values())
