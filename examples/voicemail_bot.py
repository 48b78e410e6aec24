"""A mailbox at a SIP address: greets who calls, and records what they say.

    SIP_SECRET=... python examples/voicemail_bot.py wss://sip.example.org sip:box@example.org mail

The greeting is a beep: put a FileSource in its place. Each message is an Ogg file of its own.
"""

import asyncio
import os
import re
import sys
import time
from pathlib import Path

from media import PushedAudio, Recorder, SyntheticAudioTrack
from peer import PeerConnection, TrackEvent
from signaling import sip

#: Seconds of the greeting, and of the longest message.
GREETING, LONGEST = 1.0, 120.0


async def main(server: str, address: str, folder: str = ".") -> None:
    """Take messages until the process is told to end."""
    async with sip.register(server, address, os.environ["SIP_SECRET"]) as phone:
        phone.on("call", lambda call: take_message(call, Path(folder)))
        await phone.closed()


async def take_message(call: sip.Call, folder: Path) -> None:
    """Take one message, until its caller hangs up or has said enough."""
    # What a stranger calls themselves is no path.
    name = re.sub(r"\W+", "-", call.remote)
    recorder = Recorder(folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}.ogg")
    recorder.on("segment", lambda file: print(f"{file.path}: {file.duration:.1f} s", flush=True))
    pc = PeerConnection()
    sender = pc.addTrack(SyntheticAudioTrack())

    @pc.on("track")
    def take(event: TrackEvent) -> None:
        if event.track.kind == "audio":
            recorder.addTrack(event.track)

    async with call:
        await call.answer(pc)
        await pc.connected()
        await asyncio.sleep(GREETING)
        await sender.replaceTrack(PushedAudio())
        await recorder.start()
        try:
            async with asyncio.timeout(LONGEST):
                await call.ended()
        except TimeoutError:
            print(f"{call.remote} has said enough", flush=True)
        finally:
            await recorder.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
