"""Private names of aiortc's SCTP that the adapters depend on."""

from __future__ import annotations

import inspect
from importlib.metadata import version

from aiortc.rtcdatachannel import RTCDataChannel
from aiortc.rtcsctptransport import DataChunk, RTCSctpTransport

from peer.transport.adapters.sctp_association import SctpAssociation

METHODS = [
    "_flight_size_decrease",
    "_flight_size_increase",
    "_handle_data",
    "_mark_received",
    "_maybe_abandon",
    "_receive_forward_tsn_chunk",
    "_reset_deferred_streams",
    "_send_sack",
    "_t3_expired",
    "_t3_restart",
    "_t3_start",
    "_transmit",
    "_update_advanced_peer_ack_point",
    "_receive_chunk",
    "_receive_data_chunk",
    "_receive_sack_chunk",
    "_data_channel_receive",
    "_data_channel_open",
    "_data_channel_flush",
    "_data_channel_closed",
    "_init",
    "_send",
    "_send_chunk",
    "_set_state",
]
ATTRIBUTES = [
    "_advanced_peer_ack_tsn",
    "_advertised_rwnd",
    "_cwnd",
    "_fast_recovery_exit",
    "_fast_recovery_transmit",
    "_flight_size",
    "_forward_tsn_streams",
    "_reconfig_deferred",
    "_sack_duplicates",
    "_sack_misordered",
    "_sack_needed",
    "_t3_handle",
    "_data_channel_inbound_reset",
    "_forward_tsn_chunk",
    "_inbound_streams_count",
    "_last_sacked_tsn",
    "_local_verification_tag",
    "_outbound_queue",
    "_reconfig_queue",
    "_reconfig_response_seq",
    "_remote_max_message_size",
    "_remote_verification_tag",
    "_sent_queue",
    "_association_state",
    "_data_channel_queue",
    "_data_channels",
    "_last_received_tsn",
    "_local_tsn",
]


def test_aiortc_release_is_one_that_adapters_know() -> None:
    assert version("aiortc").split(".")[:2] == ["1", "16"]


def test_overridden_sctp_methods_exist_in_aiortc() -> None:
    assert [name for name in METHODS if not hasattr(RTCSctpTransport, name)] == []


async def test_sctp_attributes_exist_in_aiortc() -> None:
    association = SctpAssociation(lambda: None)
    assert [name for name in ATTRIBUTES if not hasattr(association, name)] == []


#: Of a chunk that is sent, which has them only once it is.
CHUNK_ATTRIBUTES = [
    "_abandoned",
    "_acked",
    "_expiry",
    "_max_retransmits",
    "_misses",
    "_retransmit",
    "_sent_count",
    "_sent_time",
]
#: Of a data channel.
CHANNEL_METHODS = ["_addBufferedAmount", "_setReadyState"]


def test_sctp_chunk_attributes_exist_in_aiortc() -> None:
    assert [name for name in CHUNK_ATTRIBUTES if name not in DataChunk.__annotations__] == []


def test_data_channel_methods_exist_in_aiortc() -> None:
    assert [name for name in CHANNEL_METHODS if not hasattr(RTCDataChannel, name)] == []


def test_aiortc_data_channel_uses_overridable_transport_property() -> None:
    for method in (RTCDataChannel.send, RTCDataChannel.close):
        assert "self.transport._" in inspect.getsource(method)
