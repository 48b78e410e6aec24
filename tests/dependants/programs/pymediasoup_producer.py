"""pymediasoup's device: sound and pictures to a transport that stands in for mediasoup's.

mediasoup's worker is no package of PyPI. Its end is here of aiortc's own ICE, DTLS and RTP objects,
which a program may use by themselves, and so knows nothing of descriptions: what pymediasoup makes
of them is between it and the connection.
"""

from __future__ import annotations

import asyncio
from typing import Any

import peer.compat

peer.compat.install()

from aiortc import (
    AudioStreamTrack,
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceTransport,
    RTCRtpReceiver,
    VideoStreamTrack,
)
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpDecodingParameters,
    RTCRtpReceiveParameters,
)
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.sdp import SessionDescription
from pymediasoup import AiortcHandler, Device
from pymediasoup.rtp_parameters import RtpCapabilities

from tests.dependants.programs.serving import tell

ROUTER = {
    "codecs": [
        {
            "kind": "audio",
            "mimeType": "audio/opus",
            "preferredPayloadType": 100,
            "clockRate": 48000,
            "channels": 2,
            "parameters": {},
            "rtcpFeedback": [{"type": "transport-cc", "parameter": ""}],
        },
        {
            "kind": "video",
            "mimeType": "video/VP8",
            "preferredPayloadType": 101,
            "clockRate": 90000,
            "parameters": {},
            "rtcpFeedback": [{"type": "nack", "parameter": ""}],
        },
    ],
    "headerExtensions": [
        {
            "kind": kind,
            "uri": "urn:ietf:params:rtp-hdrext:sdes:mid",
            "preferredId": 1,
            "preferredEncrypt": False,
            "direction": "sendrecv",
        }
        for kind in ("audio", "video")
    ],
}


def server_options(ice: RTCIceTransport, dtls: RTCDtlsTransport) -> dict[str, Any]:
    """Say what mediasoup says of a transport it made."""
    local = ice.iceGatherer.getLocalParameters()
    return {
        "id": "transport",
        "iceParameters": {
            "usernameFragment": local.usernameFragment,
            "password": local.password,
            "iceLite": False,
        },
        "iceCandidates": [
            {
                "foundation": each.foundation,
                "priority": each.priority,
                "ip": each.ip,
                "protocol": each.protocol,
                "port": each.port,
                "type": each.type,
            }
            for each in ice.iceGatherer.getLocalCandidates()
        ],
        "dtlsParameters": {
            "role": "auto",
            "fingerprints": [
                {"algorithm": each.algorithm, "value": each.value}
                for each in dtls.getLocalParameters().fingerprints
                if each.algorithm == "sha-256"
            ],
        },
        "sctpParameters": None,
        "iceServers": [],
        "iceTransportPolicy": "all",
    }


async def main() -> None:
    """Produce sound and pictures until the program is ended."""
    tracks = [AudioStreamTrack(), VideoStreamTrack()]
    device = Device(handlerFactory=AiortcHandler.createFactory(tracks=tracks))
    await device.load(RtpCapabilities.model_validate(ROUTER))
    tell(loaded=[device.canProduce("audio"), device.canProduce("video")])

    gatherer = RTCIceGatherer(iceServers=[])
    await gatherer.gather()
    ice = RTCIceTransport(gatherer)
    dtls = RTCDtlsTransport(ice, [RTCCertificate.generateCertificate()])
    transport = device.createSendTransport(**server_options(ice, dtls))
    begun: list[asyncio.Task[None]] = []

    async def begin(fingerprints: list[Any]) -> None:
        # mediasoup is ICE lite and needs no credentials of the client; aiortc's ICE does.
        pc = transport._handler.pc
        while pc.localDescription is None:  # noqa: ASYNC110 - aiortc has no event for it
            await asyncio.sleep(0.01)
        offered = SessionDescription.parse(pc.localDescription.sdp).media[0]
        assert offered.ice is not None
        for candidate in offered.ice_candidates:
            await ice.addRemoteCandidate(candidate)
        await ice.addRemoteCandidate(None)
        await ice.start(
            RTCIceParameters(
                usernameFragment=offered.ice.usernameFragment, password=offered.ice.password
            )
        )
        prints = [RTCDtlsFingerprint(each.algorithm, each.value) for each in fingerprints]
        await dtls.start(RTCDtlsParameters(role="server", fingerprints=prints))
        tell(server=dtls.state)

    @transport.on("connect")
    async def on_connect(parameters: Any) -> None:
        begun.append(asyncio.create_task(begin(parameters.fingerprints)))

    @transport.on("produce")
    async def on_produce(kind: str, rtpParameters: Any, appData: Any) -> str:
        tell(produces=kind)
        codec = rtpParameters.codecs[0]
        receiver = RTCRtpReceiver(kind, dtls)
        begun.append(asyncio.create_task(receive(receiver, kind, codec, rtpParameters)))
        return kind

    async def receive(receiver: Any, kind: str, codec: Any, parameters: Any) -> None:
        chosen = RTCRtpCodecParameters(
            mimeType=codec.mimeType,
            clockRate=codec.clockRate,
            channels=codec.channels,
            payloadType=codec.payloadType,
        )
        receiver._track = RemoteStreamTrack(kind)
        await receiver.receive(
            RTCRtpReceiveParameters(
                codecs=[chosen],
                encodings=[
                    RTCRtpDecodingParameters(
                        ssrc=parameters.encodings[0].ssrc, payloadType=codec.payloadType
                    )
                ],
                muxId=parameters.mid,
            )
        )
        for _ in range(10):
            await receiver.track.recv()
        tell(received=kind)

    for track in tracks:
        await transport.produce(track=track)
    await asyncio.Event().wait()


asyncio.run(main())
