"""fastapi-webrtc's session: answers typed messages, and gives a page its own sound back."""

from __future__ import annotations

import peer.compat

peer.compat.install()

from aiortc.contrib.media import MediaRelay
from fastapi import FastAPI
from fastapi_webrtc import (
    DataChannelSpec,
    Direction,
    IncomingTrack,
    MediaPolicy,
    Peer,
    Session,
    SessionEvent,
    WebRtcRouter,
)
from fastapi_webrtc.engines.aiortc import AiortcEngine
from pydantic import BaseModel

from tests.dependants.programs.serving import serve, tell


class Prompt(BaseModel):
    """What a page says."""

    text: str


class Feedback(BaseModel):
    """What it is told of that."""

    words: int


MESSAGES = DataChannelSpec("messages", receive_model=Prompt, send_model=Feedback)


def say(event: SessionEvent) -> None:
    """Tell of what becomes of a session."""
    tell(event=event.kind, code=event.code)


rtc = WebRtcRouter(prefix="/rtc", engine=AiortcEngine(), on_event=say)


@rtc.session(
    "/practice",
    media=MediaPolicy(audio=Direction.SEND_RECEIVE, video=Direction.SEND_RECEIVE),
    data_channels=(MESSAGES,),
)
def practice() -> Session:
    """Make the session of one page."""
    relay = MediaRelay()

    async def on_track(peer: Peer, track: IncomingTrack) -> None:
        await peer.send_track(relay.subscribe(track.native))

    async def on_prompt(peer: Peer, prompt: Prompt) -> None:
        await peer.send_message(MESSAGES, Feedback(words=len(prompt.text.split())))
        pair = (await peer.stats()).selected_candidate_pair
        tell(pair=pair and [pair.local_type, pair.remote_type, pair.protocol])

    return Session(on_track=on_track, on_message={MESSAGES: on_prompt})


app = FastAPI()
app.include_router(rtc)
serve(app)
