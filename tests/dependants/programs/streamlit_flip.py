"""streamlit-webrtc's component: pictures of a page through a function; run by `streamlit run`."""

from __future__ import annotations

from typing import Any

import peer.compat

# Streamlit runs this anew for each change: a second installation does nothing.
peer.compat.install()

import streamlit
from av import VideoFrame
from streamlit_webrtc import webrtc_streamer


def flip(frame: VideoFrame) -> VideoFrame:
    """Turn a picture upside down."""
    pixels: Any = frame.to_ndarray(format="bgr24")
    return VideoFrame.from_ndarray(pixels[::-1].copy(), format="bgr24")


streamlit.title("flip")
webrtc_streamer(
    key="flip",
    video_frame_callback=flip,
    media_stream_constraints={"video": True, "audio": False},
    rtc_configuration={"iceServers": []},
)
