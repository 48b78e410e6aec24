"""Configures a connection of ours as an `RTCConfiguration` of aiortc says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortc.codecs import CODECS
from aiortc.rtcicetransport import RTCIceGatherer

from peer.configuration import BundlePolicy, IceServer, IceTransportPolicy, PeerConfiguration
from peer.rtp_parameters import MediaKind, RtpCapabilities
from peer.values import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiortc.rtcconfiguration import RTCConfiguration, RTCIceServer


def peer_configuration(configuration: RTCConfiguration) -> PeerConfiguration:
    """Return our configuration for one of aiortc.

    Where it names no servers, aiortc's default STUN server is asked, as aiortc does.

    Raises:
        ConfigurationError: The URL of a server cannot be used.
    """
    servers = configuration.iceServers
    if servers is None:
        servers = RTCIceGatherer.getDefaultIceServers()
    return PeerConfiguration(
        iceServers=tuple(_server(server) for server in servers),
        iceTransportPolicy=IceTransportPolicy(configuration.iceTransportPolicy.value),
        bundlePolicy=BundlePolicy(configuration.bundlePolicy.value),
    )


def offered_as_by_aiortc(
    capabilities: Mapping[MediaKind, RtpCapabilities],
) -> dict[MediaKind, RtpCapabilities]:
    """Offer the codecs that aiortc offers, and go on to accept all of ours.

    A program that reads or rewrites descriptions finds what it was written for; a peer that has
    none of these codecs is still served.

    Args:
        capabilities: Our codecs, with the payload types of aiortc.
    """
    return {kind: _offered(kind, capabilities[kind]) for kind in MediaKind}


def _offered(kind: MediaKind, ours: RtpCapabilities) -> RtpCapabilities:
    payload_types = {codec.payloadType for codec in CODECS[kind.value]}
    codecs = tuple(each for each in ours.codecs if each.payload_type in payload_types)
    others = tuple(each for each in ours.codecs if each.payload_type not in payload_types)
    return replace(
        ours,
        codecs=codecs,
        accepted=(*others, *ours.accepted),
        receive_only=(),
        accepted_receive_only=(*ours.receive_only, *ours.accepted_receive_only),
    )


def _server(server: RTCIceServer) -> IceServer:
    urls = [server.urls] if isinstance(server.urls, str) else list(server.urls)
    return IceServer(urls=urls, username=server.username, credential=server.credential)
