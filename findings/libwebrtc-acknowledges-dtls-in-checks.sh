#!/bin/sh
# wrtc 0.1.0 (libwebrtc M15x) under the trial WebRTC-IceHandshakeDtls: connectivity checks carry the
# DTLS handshake (STUN attributes 0xC070 and 0xC071, draft-hancke-webrtc-sped). The acknowledgement is
# a list of the CRC-32 of whole datagrams, four octets each in network order, and no list of message
# numbers, as libwebrtc had it before; an end that has nothing to acknowledge sends it empty. The ICE
# option is not the draft's "sped".
# Output seen: "a=ice-options:trickle goog-sped-v1, acknowledged by CRC-32: yes, empty first: yes"
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q wrtc==0.1.0
seen=$(WRTC_ALLOW_LOOPBACK=1 WRTC_FIELD_TRIALS="WebRTC-IceHandshakeDtls/Enabled/" \
  timeout 60 "$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import re
import struct
import zlib

import webrtc

datagrams, acknowledged = set(), []


class Face(asyncio.DatagramProtocol):
    """A socket in place of one end, which passes on to the socket in place of the other."""

    def connection_made(self, transport):
        self.transport, self.home, self.other = transport, None, None

    def datagram_received(self, data, source):
        note(data)
        if self.home:
            self.other.transport.sendto(data, self.home)


def note(data):
    if 20 <= data[0] <= 63:
        datagrams.add(data)
    if data[0] > 3 or data[4:8] != b"\x21\x12\xa4\x42":
        return
    place = 20
    while place + 4 <= len(data):
        kind, length = struct.unpack_from("!HH", data, place)
        value = data[place + 4 : place + 4 + length]
        if kind == 0xC070:
            datagrams.add(value)
        elif kind == 0xC071:
            acknowledged.append(value)
        place += 4 + (length + 3) // 4 * 4


async def main():
    loop = asyncio.get_running_loop()
    faces = []
    for _ in range(2):
        _, face = await loop.create_datagram_endpoint(Face, local_addr=("127.0.0.1", 0))
        faces.append(face)
    faces[0].other, faces[1].other = faces[1], faces[0]
    ends = webrtc.RTCPeerConnection(), webrtc.RTCPeerConnection()
    opened = asyncio.Event()

    def pass_on(number):
        def found(event):
            candidate = getattr(event, "candidate", event)
            if not candidate or not candidate.candidate or " udp " not in candidate.candidate.lower():
                return
            words = candidate.candidate.split(" ")
            if words[4] != "127.0.0.1" or faces[number].home:
                return
            # The other end is to send to the face of this one, and the face to this end.
            faces[number].home = words[4], int(words[5])
            words[5] = str(faces[number].transport.get_extra_info("sockname")[1])
            waiting[1 - number].append((" ".join(words), candidate.sdp_mid, candidate.sdp_m_line_index))

        return found

    waiting = [[], []]
    for number, end in enumerate(ends):
        end.on("icecandidate", pass_on(number))
    channel = ends[0].create_data_channel("chat")
    channel.on("open", lambda *_: opened.set())
    offer = await ends[0].create_offer()
    await ends[0].set_local_description(offer)
    await ends[1].set_remote_description(offer)
    answer = await ends[1].create_answer()
    await ends[1].set_local_description(answer)
    await ends[0].set_remote_description(answer)
    for _ in range(100):
        for number, end in enumerate(ends):
            while waiting[number]:
                text, mid, index = waiting[number].pop()
                await end.add_ice_candidate(webrtc.RTCIceCandidateInit(candidate=text, sdp_mid=mid, sdp_m_line_index=index))
        if opened.is_set():
            break
        await asyncio.sleep(0.1)
    crcs = {zlib.crc32(each).to_bytes(4, "big") for each in datagrams}
    listed = {value[at : at + 4] for value in acknowledged for at in range(0, len(value), 4)}
    (options,) = set(re.findall(r"a=ice-options:[^\r\n]*", offer.sdp))
    yes = lambda it: "yes" if it else "no"
    print(f"{options}, acknowledged by CRC-32: {yes(listed and listed <= crcs)}, empty first: {yes(acknowledged[:1] == [b''])}")
    for end in ends:
        end.close()


asyncio.run(main())
PYTHON
)
echo "$seen"
[ "$seen" = "a=ice-options:trickle goog-sped-v1, acknowledged by CRC-32: yes, empty first: yes" ]
