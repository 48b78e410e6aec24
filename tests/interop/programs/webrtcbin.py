"""Owns GStreamer's webrtcbin as a peer; runs with the system's Python, which has its binding."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import gi  # type: ignore[import-not-found]  # the system's Python has it

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # type: ignore[import-not-found]  # noqa: E402 - after the versions

_OPUS = (
    "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,"
    "encoding-params=(string)2"
)


def say(what: str, **fields: object) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps({"say": what, **fields}) + "\n")
    sys.stdout.flush()


class Peer:
    """One webrtcbin in a pipeline; every method runs on the main loop."""

    def __init__(self) -> None:
        self._pipeline = Gst.Pipeline.new("peer")
        self._bin = Gst.ElementFactory.make("webrtcbin", "webrtcbin")
        self._bin.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self._pipeline.add(self._bin)
        self._bin.connect("on-ice-candidate", self._found)
        self._bin.connect("on-data-channel", lambda _, channel: self._echo(channel))
        self._bin.connect("pad-added", self._received)
        self._channels: list[Any] = []
        self._packets = 0
        bus = self._pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self._failed)
        self._pipeline.set_state(Gst.State.PLAYING)

    def obey(self, command: dict[str, Any]) -> None:
        """Do what one line says."""
        match command["do"]:
            case "offer":
                caps = Gst.Caps.from_string(_OPUS)
                recvonly = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
                self._bin.emit("add-transceiver", recvonly, caps)
                self._echo(self._bin.emit("create-data-channel", "echo", None))
                self._create("offer")
            case "take":
                self._take(**command["description"])
            case "candidate":
                candidate = command["candidate"]
                self._bin.emit(
                    "add-ice-candidate", candidate["sdpMLineIndex"], candidate["candidate"]
                )
            case "report":
                say("report", audioPackets=self._packets, transport={})
            case other:
                say("error", text=f"no such command: {other}")

    def _create(self, kind: str) -> None:
        self._bin.emit(f"create-{kind}", None, Gst.Promise.new_with_change_func(self._made, kind))

    def _made(self, promise: Any, kind: str) -> None:
        reply = promise.get_reply()
        description = reply and reply.get_value(kind)
        if not description:
            say("error", text=f"no {kind}: {reply and reply.to_string()}")
            return
        self._bin.emit("set-local-description", description, Gst.Promise.new())
        say("description", description={"type": kind, "sdp": description.sdp.as_text()})

    def _take(self, type: str, sdp: str) -> None:  # noqa: A002 - the line's name
        _, message = GstSdp.SDPMessage.new_from_text(sdp)
        kind = GstWebRTC.WebRTCSDPType.OFFER if type == "offer" else GstWebRTC.WebRTCSDPType.ANSWER
        description = GstWebRTC.WebRTCSessionDescription.new(kind, message)
        taken = Gst.Promise.new_with_change_func(self._taken, type)
        self._bin.emit("set-remote-description", description, taken)

    def _taken(self, promise: Any, kind: str) -> None:
        reply = promise.get_reply()
        if reply and reply.has_field("error"):
            say("error", text=str(reply.get_value("error")))
        elif kind == "offer":
            self._create("answer")

    def _found(self, _: Any, index: int, candidate: str) -> None:
        say("candidate", candidate={"candidate": candidate, "sdpMLineIndex": index})

    def _echo(self, channel: Any) -> None:
        self._channels.append(channel)
        channel.connect("on-message-string", lambda _, text: channel.emit("send-string", text))

    def _received(self, _: Any, pad: Any) -> None:
        if pad.get_direction() is not Gst.PadDirection.SRC:
            return
        sink = Gst.ElementFactory.make("fakesink", None)
        sink.set_property("signal-handoffs", True)
        sink.connect("handoff", self._count)
        self._pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

    def _count(self, *_: Any) -> None:
        self._packets += 1

    def _failed(self, _: Any, message: Any) -> None:
        error, details = message.parse_error()
        say("error", text=f"{error.message} ({details})")


def main() -> None:
    """Obey the lines of standard input until it ends."""
    Gst.init(None)
    peer = Peer()
    loop = GLib.MainLoop()

    def read() -> None:
        for line in sys.stdin:
            GLib.idle_add(peer.obey, json.loads(line))
        GLib.idle_add(loop.quit)

    say("ready", version=".".join(map(str, Gst.version()[:3])))
    threading.Thread(target=read, daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()
