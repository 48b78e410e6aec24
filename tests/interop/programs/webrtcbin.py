"""GStreamer's webrtcbin as a peer; runs with the system's Python, which has its binding."""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import gi  # type: ignore[import-not-found]  # the system's Python has it

gi.require_version("Gst", "1.0")
gi.require_version("GstRtp", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstRtp, GstSdp, GstWebRTC  # type: ignore[import-not-found]  # noqa: E402 - after the versions

_OPUS = (
    "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,"
    "encoding-params=(string)2"
)
# Its payload type is the same in every offer, which webrtcbin does not look up for its sources.
_PCMA = "application/x-rtp,media=audio,encoding-name=PCMA,clock-rate=8000,payload=8"
_SOUND = (
    "audiotestsrc is-live=true volume=0.1 samplesperbuffer=160 ! audio/x-raw,rate=8000,channels=1"
    " ! alawenc ! rtppcmapay pt=8"
)
_PICTURES = (
    "videotestsrc is-live=true pattern=green"
    " ! video/x-raw,format=I420,width=160,height=120,framerate=15/1"
)
# What encodes, and what webrtcbin offers of it: its payloaders would say what they do, which many a
# pipeline leaves out.
_CODECS = {
    "H264": ("openh264enc gop-size=15 ! rtph264pay pt=97", "encoding-name=H264"),
    "H264 mode 0": (
        "openh264enc gop-size=15 slice-mode=auto max-slice-size=1000 ! video/x-h264,profile=high"
        " ! rtph264pay pt=97 mtu=1200",
        "encoding-name=H264,packetization-mode=(string)0,profile-level-id=(string)640028",
    ),
    "H265": (
        "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=15"
        " ! rtph265pay pt=97 config-interval=-1",
        "encoding-name=H265",
    ),
}


def say(what: str, **fields: object) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps({"say": what, **fields}) + "\n")
    sys.stdout.flush()


class Arrivals:
    """What arrives of one stream, as arrivals.js counts it; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: float | None = None
        self._highest = -1
        self._gap = 0.0
        self._reset()

    def reset(self) -> None:
        """Count anew."""
        with self._lock:
            self._reset()

    def note(self, sequence: int) -> None:
        """An RTP packet with that sequence number came."""
        with self._lock:
            now = time.monotonic()
            if self._last is None:
                self._first, self._highest = sequence, sequence - 1
            else:
                self._gap = max(self._gap, now - self._last)
            self._last = now
            self._count += 1
            # RFC 3550 appendix A.1: the nearest number that has these 16 bits.
            number = self._highest + ((sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
            if number >= self._first:
                self._doubled += number in self._seen
                self._seen.add(number)
                self._highest = max(self._highest, number)

    def report(self) -> dict[str, float]:
        """The numbers, times in milliseconds."""
        with self._lock:
            silence = 0.0 if self._last is None else time.monotonic() - self._last
            return {
                "count": self._count,
                "lost": self._highest - self._first + 1 - len(self._seen),
                "doubled": self._doubled,
                "longestGap": 1000 * max(self._gap, silence),
            }

    def _reset(self) -> None:
        self._count = self._doubled = 0
        self._gap = 0.0
        self._seen: set[int] = set()
        self._first = self._highest + 1
        if self._last is not None:
            self._last = time.monotonic()


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
        self._sinks: list[Any] = []
        self._packets = 0
        self._arrivals = Arrivals()
        self._sends = self._prepared = False
        bus = self._pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self._failed)
        self._pipeline.set_state(Gst.State.PLAYING)

    def obey(self, command: dict[str, Any]) -> None:
        """Do what one line says."""
        try:
            self._obey(command)
        except (GLib.Error, KeyError, TypeError) as error:
            say("error", text=f"{type(error).__name__}: {error}")

    def _obey(self, command: dict[str, Any]) -> None:
        match command["do"]:
            case "send" if command.get("codec"):
                encoder, caps = _CODECS[command["codec"]]
                caps = f"application/x-rtp,media=video,payload=97,clock-rate=90000,{caps}"
                setter = f'capssetter replace=true caps="{caps}"'
                self._send(f"{_PICTURES} ! {encoder} ! {setter}", caps)
            case "send":
                self._send(_SOUND, _PCMA)
            case "close":
                self._pipeline.set_state(Gst.State.NULL)
            case "channel":
                self._echo(self._bin.emit("create-data-channel", command["label"], None))
            case "offer" if command.get("iceRestart"):
                say("error", text="webrtcbin cannot restart ICE")
            case "offer" if any(sink.get_current_caps() is None for sink in self._sinks):
                # What it does not know yet is in no offer.
                GLib.timeout_add(20, self.obey, command)
            case "offer":
                self._prepare()
                self._create("offer")
            case "take":
                self._take(**command["description"])
            case "candidate":
                candidate = command["candidate"]
                self._bin.emit(
                    "add-ice-candidate", candidate["sdpMLineIndex"], candidate["candidate"]
                )
            case "reset":
                self._arrivals.reset()
                say("reset")
            case "report":
                numbers = {"audioPackets": self._packets, "arrivals": self._arrivals.report()}
                say("report", **numbers, transport={}, inbound={}, pair=[])
            case other:
                say("error", text=f"no such command: {other}")

    def _send(self, description: str, caps: str) -> None:
        source = Gst.parse_bin_from_description(description, True)
        self._pipeline.add(source)
        template = self._bin.get_pad_template("sink_%u")
        # With its caps, as else it belongs to no m-section before its first packet.
        sink = self._bin.request_pad(template, None, Gst.Caps.from_string(caps))
        source.get_static_pad("src").link(sink)
        self._sinks.append(sink)
        source.sync_state_with_parent()
        self._sends = True

    def _prepare(self) -> None:
        if not self._prepared and self._bin.get_property("remote-description") is None:
            if not self._sends:
                caps = Gst.Caps.from_string(_OPUS)
                recvonly = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
                self._bin.emit("add-transceiver", recvonly, caps)
            self._echo(self._bin.emit("create-data-channel", "echo", None))
        self._prepared = True

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

    def _count(self, _: Any, buffer: Any, __: Any) -> None:
        self._packets += 1
        mapped, packet = GstRtp.RTPBuffer.map(buffer, Gst.MapFlags.READ)
        if mapped:
            self._arrivals.note(packet.get_seq())
            packet.unmap()

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
