"""GStreamer as a recorder: webrtcbin into a muxer; runs with the system's Python.

`/usr/bin/python3 benchmarks/record_webrtcbin.py PATH`; requests and answers are lines of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

import gi  # type: ignore[import-not-found]  # the system's Python has it

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # type: ignore[import-not-found]  # noqa: E402 - after the versions

# The muxer's pads for audio and video are requested beforehand, so that it waits for both. The
# queues are those of any program between a network and a muxer.
_PIPELINE = """
webrtcbin name=webrtcbin bundle-policy=max-bundle
rtpvp8depay name=video request-keyframe=true wait-for-keyframe=true ! queue ! mux.
rtpopusdepay name=audio ! opusparse ! queue ! mux.
webmmux name=mux ! filesink name=file
"""


def say(**fields: object) -> None:
    """Write one answer as a line of JSON."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


class Recording:
    """One recording pipeline, whose methods but `_ended` run on the main loop."""

    def __init__(self, path: str) -> None:
        self._pipeline = Gst.parse_launch(_PIPELINE)
        self._pipeline.get_by_name("file").set_property("location", path)
        self._bin = self._pipeline.get_by_name("webrtcbin")
        self._bin.connect("pad-added", self._received)
        self._bin.connect("notify::ice-gathering-state", self._gathered)
        sink = self._pipeline.get_by_name("file").get_static_pad("sink")
        sink.add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, self._ended)
        bus = self._pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self._failed)
        self._pipeline.set_state(Gst.State.PLAYING)

    def obey(self, request: dict[str, Any]) -> None:
        """Carry out one request."""
        match request["do"]:
            case "source":
                self._take(request["offer"])
            case "stop":
                for name in ("video", "audio"):
                    pad = self._pipeline.get_by_name(name).get_static_pad("sink")
                    pad.send_event(Gst.Event.new_eos())
            case _:
                self._read()

    def _take(self, sdp: str) -> None:
        _, message = GstSdp.SDPMessage.new_from_text(sdp)
        offer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.OFFER, message)
        taken = Gst.Promise.new_with_change_func(self._taken)
        self._bin.emit("set-remote-description", offer, taken)

    def _taken(self, _: Any) -> None:
        self._bin.emit("create-answer", None, Gst.Promise.new_with_change_func(self._made))

    def _made(self, promise: Any) -> None:
        # What is in a reply lives as long as the reply.
        reply = promise.get_reply()
        answer = reply.get_value("answer")
        self._bin.emit("set-local-description", answer, Gst.Promise.new())

    def _gathered(self, *_: Any) -> None:
        state = self._bin.get_property("ice-gathering-state")
        if state is GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            description = self._bin.get_property("local-description")
            say(answer=description.sdp.as_text())

    def _received(self, _: Any, pad: Any) -> None:
        if pad.get_direction() is Gst.PadDirection.SRC:
            media = pad.get_current_caps().get_structure(0).get_string("media")
            pad.link(self._pipeline.get_by_name(media).get_static_pad("sink"))

    def _ended(self, _: Any, info: Any) -> Any:
        if info.get_event().type is Gst.EventType.EOS:
            GLib.idle_add(self._read)
        return Gst.PadProbeReturn.OK

    def _failed(self, _: Any, message: Any) -> None:
        error, details = message.parse_error()
        sys.stderr.write(f"{error.message} ({details})\n")
        # An exception would not leave the main loop.
        os._exit(1)

    def _read(self) -> None:
        say(frames=0, processor=time.process_time())


def main(path: str) -> None:
    """Serve the requests on standard input until it ends."""
    Gst.init(None)
    recording = Recording(path)
    loop = GLib.MainLoop()

    def read() -> None:
        for line in sys.stdin:
            GLib.idle_add(recording.obey, json.loads(line))
        GLib.idle_add(loop.quit)

    threading.Thread(target=read, daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main(sys.argv[1])
