"""fastrtc's stream of pictures: turns what a page sends upside down, and sends it back."""

from __future__ import annotations

from typing import Any

import peer.compat

peer.compat.install()

import numpy as np
from fastapi import FastAPI
from fastrtc import Stream

from tests.dependants.programs.serving import serve, tell

count = 0


def flip(frame: Any) -> Any:
    """Turn a picture upside down."""
    global count
    count += 1
    if count % 20 == 0:
        tell(pictures=count, size=frame.shape)
    return np.flip(frame, axis=0)


stream = Stream(handler=flip, modality="video", mode="send-receive")
app = FastAPI()
stream.mount(app)


@app.get("/input")
def give_input() -> dict[str, str]:
    """Give the handler its arguments, as a page does: the picture, in the place of the first."""
    stream.set_input("one", None)
    return {}


serve(app)
