"""RFC 5763 section 6.9: a server end has an association and keys for each of its participants."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from peer import PeerConnection
from tests.support.negotiation.connection_media import ToneTrack, hears
from tests.support.negotiation.connections import both_connected, expected, local, loopback, within

if TYPE_CHECKING:
    from pathlib import Path

#: Pitches in Hz by which the participants are told apart.
PITCHES = (400, 700, 1100)


def secrets(path: Path) -> set[str]:
    """The master secrets of a key log in the format of NSS."""
    return {line.split()[2] for line in path.read_text().splitlines()}


@pytest.mark.conformance("6.9-conference")
async def test_each_participant_of_a_server_has_keys_of_its_own_and_hears_the_others(
    tmp_path: Path,
) -> None:
    logs = [tmp_path / f"{pitch}.keys" for pitch in PITCHES]
    server_log = tmp_path / "server.keys"
    async with AsyncExitStack() as stack:
        participants, legs, coming, heard = [], [], [], []
        for pitch, log in zip(PITCHES, logs, strict=True):
            participant = await stack.enter_async_context(PeerConnection(loopback(key_log=log)))
            leg = await stack.enter_async_context(PeerConnection(loopback(key_log=server_log)))
            participant.addTrack(ToneTrack(pitch))
            others = [participant.getTransceivers()[0], participant.addTransceiver("audio")]
            heard.append([each.receiver.track for each in others])
            coming.append(expected(leg, "track"))
            participants.append(participant)
            legs.append(leg)
        for participant, leg in zip(participants, legs, strict=True):
            await participant.setLocalDescription()
            await participant.gathering_complete()
            await leg.setRemoteDescription(local(participant))
        # As it came: nothing is decoded at the server.
        spoken = [(await within(each)).receiver.encoded_track() for each in coming]
        for leg, own in zip(legs, spoken, strict=True):
            relayed = [track for track in spoken if track is not own]
            for transceiver, track in zip(leg.getTransceivers(), relayed, strict=True):
                transceiver.direction = "sendrecv"
                await transceiver.sender.replaceTrack(track)
            await leg.setLocalDescription()
            await leg.gathering_complete()
        for participant, leg in zip(participants, legs, strict=True):
            await participant.setRemoteDescription(local(leg))
        await both_connected(*participants, *legs)
        for number, tracks in enumerate(heard):
            pitches = [pitch for pitch in PITCHES if pitch != PITCHES[number]]
            await asyncio.gather(*map(hears, tracks, pitches))
        shown = {leg.security.transports[0].remote_fingerprint for leg in legs}

    assert len(shown) == len(PITCHES)
    kept = [secrets(log) for log in logs]
    assert [len(each) for each in kept] == [1] * len(PITCHES)
    # One association with one master secret for each, and the server has all of them.
    assert len(set.union(*kept)) == len(PITCHES)
    assert secrets(server_log) == set.union(*kept)
