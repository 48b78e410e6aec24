"""The private names of aiortc's SCTP that `seam_sctp` counts on."""

from __future__ import annotations

import inspect
from importlib.metadata import version

from aiortc import rtcsctptransport
from aiortc.rtcsctptransport import RTCSctpTransport

from peer.transport.seam.sctp import Association

METHODS = [
    "_handle_data",
    "_receive_chunk",
    "_receive_data_chunk",
    "_receive_sack_chunk",
    "_data_channel_receive",
    "_data_channel_open",
    "_set_state",
]
ATTRIBUTES = [
    "_advertised_rwnd",
    "_association_state",
    "_data_channel_queue",
    "_data_channels",
    "_inbound_streams",
    "_last_received_tsn",
    "_local_tsn",
]


def test_aiortc_is_the_release_that_the_seam_knows() -> None:
    assert version("aiortc").split(".")[:2] == ["1", "16"]


def test_every_method_that_is_overridden_exists_in_aiortc() -> None:
    assert [name for name in METHODS if not hasattr(RTCSctpTransport, name)] == []


async def test_every_attribute_exists_in_aiortc() -> None:
    association = Association(lambda: None)
    assert [name for name in ATTRIBUTES if not hasattr(association, name)] == []


def test_channel_announcement_has_its_lengths_where_the_seam_corrects_them() -> None:
    source = inspect.getsource(rtcsctptransport)
    assert '"!BBHLHH",\n            DATA_CHANNEL_OPEN' in source
