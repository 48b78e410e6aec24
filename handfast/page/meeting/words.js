// Texts of a room's page, in words for its user, with advice.

const DEVICE = { videoinput: "camera", audioinput: "microphone" };

/** What a tile says of a participant that is not simply there. */
export const STATES = {
  calling: "connecting…",
  interrupted: "interrupted; looking for another path…",
  unreachable: "no network path",
  away: "coming back…",
};

/** Of a page that was loaded again while its server is away, and of one that is in the room. */
export const AWAY = "The room server is away; this page returns by itself";
export const CALLS_GO_ON = "The room server is away; calls go on, and this page returns by itself";

/** Says why a device cannot be used, and what becomes of it. */
export function mediaProblem(kind, { name }) {
  const device = DEVICE[kind];
  switch (name) {
    case "InsecureContext":
      return `The browser gives no ${device} to ${location.origin}: it asks for https.`;
    case "NotAllowedError":
    case "SecurityError":
      return `The ${device} was refused; to be ${kind === "videoinput" ? "seen" : "heard"}, allow it for this page with the symbol beside the address.`;
    case "NotFoundError":
      return `No ${device} was found.`;
    case "OverconstrainedError":
      return `That ${device} is not there any more.`;
    case "Unplugged":
      return `The ${device} was taken away.`;
    default:
      return `The ${device} could not be opened; another program may be using it.`;
  }
}

const PROBLEMS = {
  "no-webrtc": () => ["This browser has no WebRTC", "A current Firefox, Chrome, Edge or Safari has it; a setting or an extension may have switched it off."],
  "no-server": () => ["The room server does not answer", `Nothing answered at ${location.host}. Press “Join the room” to try again.`],
  "room-full": () => ["The room is full", "As many are in it as the server takes. Wait a moment, and join again."],
  "server-full": () => PROBLEMS["room-full"](),
  unauthorized: (reason) => ["This room asks for a token", `Open it by the link that you were given, which ends in #token=…. ${sentence(reason)}`],
  forbidden: (reason) => ["You may not join this room", sentence(reason)],
  "too-fast": () => ["This page sent more than the room takes", "The server ended its membership. Wait a moment, and join again."],
  replaced: () => ["You are in this room in another tab", "Join again to come back to this one."],
};

/** Returns title and text for the code of a RoomError. */
export function problemFor(code, reason = "") {
  return PROBLEMS[code]?.(reason) ?? ["The room is over", `${sentence(reason)} (${code})`.trim()];
}

/** Says how many others there are. */
export function company(others) {
  if (others === 0) return "Nobody else is here yet";
  return others === 1 ? "In the room with one other" : `In the room with ${others} others`;
}

/** Says what happens to a recording, before it begins. */
export function recordingTerms({ longest, keptFor }) {
  return `Everybody in the room sees that it is recorded, and that you asked. It ends when you stop it or leave, when everybody has left, or after ${span(longest)}. You can download it here, for ${span(keptFor)}; then the server deletes it.`;
}

const REFUSED = {
  "not-a-member": () => "The server does not know this page at the moment. Try again.",
  forbidden: (reason) => `You may not record this room: ${reason}.`,
  running: () => "This room is being recorded already.",
  full: (reason) => `Not now: ${reason}. Try again later.`,
  disk: (reason) => `Not now: ${reason}.`,
  unreachable: () => "The room server does not answer. Try again.",
};

/** Says why no recording began. */
export function recordingProblem({ code, reason = "" }) {
  return REFUSED[code]?.(reason) ?? `The server does not record this room. (${code})`;
}

const ENDS = {
  stopped: () => "",
  empty: () => "It ended when everybody had left. ",
  unwatched: () => "It ended as this page had not asked for it for minutes. ",
  time: () => "It ended at the longest that the server records. ",
  size: () => "It ended at the largest that the server saves. ",
  disk: () => "It ended as the disk of the server was almost full. ",
  server: () => "It ended as the server stops. ",
  failed: () => "It could not go on. ",
};

/** Says how a recording ended, and for how long it can be downloaded. */
export function recordingEnd({ end, files, keptFor }) {
  const why = ENDS[end]?.() ?? "";
  if (files.length === 0) return `${why}Nothing was recorded: nobody sent picture or sound.`;
  return `${why}Your recording is ready. The server deletes it in ${span(keptFor)}.`;
}

/** Writes a time as 0:07 or 1:02:03. */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Writes a size as 512 kB or 3.4 MB. */
export function size(octets) {
  if (octets < 1e6) return `${Math.round(octets / 1e3)} kB`;
  return octets < 1e9 ? `${(octets / 1e6).toFixed(1)} MB` : `${(octets / 1e9).toFixed(2)} GB`;
}

function span(seconds) {
  const minutes = Math.max(1, Math.round(seconds / 60));
  if (minutes < 120 && minutes !== 60) return `${minutes} ${minutes === 1 ? "minute" : "minutes"}`;
  const hours = Math.round(minutes / 60);
  return hours === 1 ? "an hour" : `${hours} hours`;
}

/** Says who can use the link, and why phones want https. */
export function invitationNote(url, reachable, withToken) {
  if (withToken) {
    return "This room asks for a token, and the link has none: yours is for you alone. Whoever gave you yours makes one for each guest, whose link then ends in #token= and that token.";
  }
  if (!reachable) {
    return "This server listens on this machine only. For others start it with --host 0.0.0.0, --certfile and --keyfile.";
  }
  if (new URL(url).protocol === "https:") return "Point the camera of a phone at the code.";
  return "Browsers give camera and microphone to https only, on a phone as well: by this link others can see, hear and write, but not be seen or heard. --certfile and --keyfile make it https.";
}

function sentence(text) {
  if (!text) return "";
  const capital = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
