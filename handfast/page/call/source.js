// Opens the media to send: camera and microphone, or the synthetic video and tone, with the reason
// where these replace the camera.

import { openSynthetic } from "./synthetic.js";

const CONSTRAINTS = {
  audio: { echoCancellation: true, noiseSuppression: true },
  video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } },
};

/**
 * Opens the media to send.
 *
 * Resolves to `{ kind, stream, stop(), problem }`: `kind` is the source that was opened, `problem`
 * is null or `{ code, detail }` with a code of view/words.js.
 */
export async function openSource(wanted) {
  if (wanted === "camera") {
    try {
      return { kind: "camera", problem: null, ...(await openCamera()) };
    } catch (error) {
      const problem = { code: reasonFor(error), detail: error.message };
      return { kind: "synthetic", problem, ...openSynthetic() };
    }
  }
  return { kind: "synthetic", problem: null, ...openSynthetic() };
}

async function openCamera() {
  if (!navigator.mediaDevices) throw new DOMException("no mediaDevices", "InsecureContext");
  const stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
  return {
    stream,
    stop() {
      for (const track of stream.getTracks()) track.stop();
    },
  };
}

function reasonFor({ name }) {
  switch (name) {
    case "InsecureContext":
      return "camera-insecure";
    case "NotAllowedError":
    case "SecurityError":
      return "camera-refused";
    case "NotFoundError":
    case "OverconstrainedError":
      return "camera-missing";
    default:
      return "camera-busy";
  }
}
