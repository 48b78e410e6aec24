"""What pages with a bare RTCPeerConnection run, and our answer to their offers."""

from __future__ import annotations

import json

from peer import PeerConnection, SdpType, SessionDescription
from tests.support.negotiation.connections import local, within

#: Function of a connection: sets its local description, and returns it with all candidates.
DESCRIBED = """(async pc => {
    await pc.setLocalDescription();
    await new Promise(done => {
        const look = () => pc.iceGatheringState === 'complete' && done();
        pc.onicegatheringstatechange = look;
        look();
    });
    return pc.localDescription.sdp;
})"""

#: Function of a connection: the RTP packets that it has received.
RECEIVED_PACKETS = """(async pc => [...(await pc.getStats()).values()]
    .filter(({ type }) => type === 'inbound-rtp')
    .reduce((sum, { packetsReceived }) => sum + packetsReceived, 0))"""


async def answer_of(ours: PeerConnection, offer: str) -> str:
    """Answer the offer of a page; return what its `setRemoteDescription` takes, as JSON."""
    await ours.setRemoteDescription(SessionDescription(offer, SdpType.OFFER))
    await ours.setLocalDescription()
    await within(ours.gathering_complete())
    return json.dumps({"type": "answer", "sdp": local(ours).sdp})
