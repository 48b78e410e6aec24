from __future__ import annotations

from peer import PeerConnection, SdpLimits


async def _size(sections: int) -> int:
    async with PeerConnection() as pc:
        for _ in range(sections):
            pc.addTransceiver("video")
        return len((await pc.createOffer()).sdp)


async def test_default_bound_has_room_for_four_hundred_m_sections_of_video() -> None:
    one, two = await _size(1), await _size(2)
    assert one + 399 * (two - one) < SdpLimits().size
    assert SdpLimits().media_sections >= 400
