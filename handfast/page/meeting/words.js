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

/** Says who can use the link, and why phones want https. */
export function invitationNote(url, reachable) {
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
