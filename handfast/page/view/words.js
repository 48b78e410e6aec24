// Texts of the page: one entry for each code of a problem, in words for its user, with advice.

const PROBLEMS = {
  "no-webrtc": () => ({
    title: "This browser has no WebRTC",
    text: "Without RTCPeerConnection there is no call. It may be switched off by a setting or an extension; a current Firefox, Chrome, Edge or Safari has it.",
    retry: false,
  }),
  "no-server": () => ({
    title: "The room server does not answer",
    text: `Nothing answered at ${location.host}. Is “make demo” still running there? Start it and try again.`,
  }),
  "server-gone": () => ({
    title: "The room server went away",
    text: "The connection to it broke and did not come back. The call goes on without it, as long as its network path does.",
    retry: false,
  }),
  "no-peer": () => ({
    title: "Nobody is there to answer",
    text: "The room server runs, but the Python peer has not joined the room. Its terminal says why.",
  }),
  "peer-left": (detail) => ({
    title: "The Python peer left",
    text: `It left the room and the call ended. ${sentence(detail)}`,
  }),
  bye: (detail) => ({
    title: "The Python peer ended the call",
    text: sentence(detail) || "It gave no reason.",
  }),
  "room-full": () => ({
    title: "All lines are busy",
    text: "As many pages are in a call with the Python peer as it takes. Close another one, or wait a moment.",
  }),
  "server-full": () => PROBLEMS["room-full"](),
  "camera-refused": () => ({
    title: "Camera and microphone were refused",
    text: "The test picture and tone are sent instead. To send your own, allow both for this page, with the symbol beside the address, and call again.",
    retry: false,
  }),
  "camera-missing": () => ({
    title: "No camera or microphone was found",
    text: "The test picture and tone are sent instead.",
    retry: false,
  }),
  "camera-busy": (detail) => ({
    title: "Camera or microphone could not be opened",
    text: `Another program may be using them. The test picture and tone are sent instead. ${sentence(detail)}`,
    retry: false,
  }),
  "camera-insecure": () => ({
    title: "The browser gives no camera to this address",
    text: `Browsers open cameras only for https and for this machine itself, not for ${location.origin}. The test picture and tone are sent instead. “handfast demo --certfile … --keyfile …” serves https.`,
    retry: false,
  }),
  "ice-failed": () => ({
    title: "No network path to the Python peer",
    text: "The descriptions were exchanged, but no pair of addresses could exchange packets: ICE failed. A firewall or VPN that blocks UDP between this device and the server is the usual cause.",
  }),
  "dtls-failed": () => ({
    title: "The secure handshake failed",
    text: "A network path was found, but DTLS did not complete on it: the certificate was not the one announced, or handshake packets were lost for too long.",
  }),
  lost: () => ({
    title: "The network path was lost",
    text: "Nothing has come from the Python peer for half a minute. The network of this device may have changed, or the peer is gone.",
  }),
  silent: () => ({
    title: "Nothing has come from the Python peer for some seconds",
    text: "The call goes on by itself when the network does.",
    retry: false,
  }),
  "sound-blocked": () => ({
    title: "The browser keeps the loudspeaker off",
    text: "It wants a click first: press “Speaker”.",
    retry: false,
  }),
};

/** Returns `{ title, text, retry }` for the code of a problem. */
export function problemFor(code, detail = "") {
  const known = PROBLEMS[code];
  if (known) return { retry: true, ...known(detail) };
  return {
    title: "The call could not go on",
    text: `${sentence(detail)} (${code})`.trim(),
    retry: true,
  };
}

/** Headings of the page for each stage of a call. */
export const STATUS = {
  ready: ["quiet", "Ready to call"],
  source: ["busy", "Opening camera and microphone…"],
  server: ["busy", "Joining the room…"],
  offer: ["busy", "Calling the Python peer…"],
  ice: ["busy", "Looking for a network path…"],
  dtls: ["busy", "Securing the connection…"],
  connected: ["good", "In a call with Python"],
  silent: ["bad", "Connection interrupted"],
  failed: ["bad", "The call failed"],
  ended: ["quiet", "Call ended"],
};

/** Says what a call that is not there yet waits for, and until when. */
export function progressOf({ seconds, most, answered, checks: { here, there, sent, answered: replies } }) {
  const since = `${seconds} s of at most ${most} s`;
  if (!answered) return `${since}: the offer is sent; Python has not answered it yet.`;
  if (replies) return `${since}: Python answers checks of the path; keys are being agreed on.`;
  const checks = sent === null ? "checks of the path" : count(sent, "check");
  return `${since}: ${count(here, "address")} here, ${count(there, "address")} there; ${checks} sent, none answered so far.`;
}

function count(number, what) {
  return `${number} ${what}${number === 1 ? "" : what.endsWith("s") ? "es" : "s"}`;
}

/** Text about the two changes before the first request. */
export const HINT = "New keys, or another network path. The call goes on meanwhile.";

/** Texts while a change is under way. */
export const ASKED = {
  rekey: "Changing the keys…",
  "restart-ice": "Looking for another path…",
};

/** Words the result of a change; `seconds`, `reason` and `path` come from Python. */
export function outcomeOf({ change, changed, kept, seconds, reason, path }) {
  if (change === "rekey") {
    if (kept) return `${browser()} keeps its keys during a call. Nothing was lost${after(seconds)}.`;
    return changed ? `Keys changed in ${duration(seconds)}.` : `Not rekeyed: ${reason}${after(seconds)}.`;
  }
  return changed ? `Path moved in ${duration(seconds)}: ${path}.` : `Path not moved: ${reason}${after(seconds)}.`;
}

/** Text about recording before the first request. */
export const RECORD_HINT = "Python records what it receives, at most a minute, and this page plays it.";

/** Words the state of a recording that Python reports. */
export function recordedAs({ state, seconds, size, reason }) {
  if (state === "failed") return `Not recorded: ${reason}.`;
  const amount = `${seconds.toFixed(1)} s, ${size < 1e6 ? `${Math.round(size / 1e3)} kB` : `${(size / 1e6).toFixed(1)} MB`}`;
  return state === "ready" ? `Recorded: ${amount}.` : `Recording: ${amount}`;
}

function browser() {
  return navigator.userAgent.includes("Firefox/") ? "Firefox" : "This browser";
}

function after(seconds) {
  return seconds >= 0.1 ? ` (${duration(seconds)})` : "";
}

function duration(seconds) {
  return seconds < 0.9995 ? `${Math.round(1000 * seconds)} ms` : `${seconds.toFixed(1)} s`;
}

function sentence(text) {
  if (!text) return "";
  const capital = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
