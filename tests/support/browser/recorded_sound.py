"""JavaScript that records a MediaStreamTrack of a page."""

from __future__ import annotations

from typing import Final

#: A function of a track and of milliseconds that gives 16-bit samples at 48 kHz. Recorded and
#: decoded, because an AudioContext of Firefox stands still on a machine without sound.
RECORDED_SOUND: Final = """async (track, milliseconds) => {
    const recorder = new MediaRecorder(new MediaStream([track]));
    const parts = [];
    recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
    const stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve));
    recorder.start();
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    recorder.stop();
    await stopped;
    const encoded = await new Blob(parts).arrayBuffer();
    const decoded = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(encoded);
    return [...decoded.getChannelData(0)].map((sample) => Math.round(32767 * sample));
}"""
