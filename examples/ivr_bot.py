r"""A voice menu at a SIP address: each key of the caller's telephone plays a file.

    SIP_SECRET=... python examples/ivr_bot.py wss://sip.example.org sip:menu@example.org \
        welcome.ogg 1=hours.ogg 2=way.ogg

The first file is played at the begin, and again after `*`; `#` hangs up.
"""

import asyncio
import os
import sys

from media import FileSource
from peer import PeerConnection
from signaling import sip

Menu = dict[str, str]


async def main(server: str, address: str, welcome: str, *choices: str) -> None:
    """Answer whoever calls until the process is told to end."""
    menu = {"*": welcome}
    for choice in choices:
        key, _, file = choice.partition("=")
        menu[key] = file
    async with sip.register(server, address, os.environ["SIP_SECRET"]) as phone:
        phone.on("call", lambda call: attend(call, menu))
        await phone.closed()


async def attend(call: sip.Call, menu: Menu) -> None:
    """Play what one caller chooses, until they hang up or press `#`."""
    pc = PeerConnection()
    source = await FileSource.open(menu["*"])
    assert source.audio is not None
    sender = pc.addTrack(source.audio)
    try:
        async with call:
            await call.answer(pc)
            print(f"{call.remote} calls", flush=True)
            async for tone in call.tones():
                if tone == "#":
                    break
                if tone not in menu:
                    continue
                source.stop()
                source = await FileSource.open(menu[tone])
                print(f"{call.remote} listens to {menu[tone]}", flush=True)
                await sender.replaceTrack(source.audio)
    finally:
        source.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
