// Owns libwebrtc in Node.js as a peer.
"use strict";

const wrtc = require("@roamhq/wrtc");
const { version } = require("@roamhq/wrtc/package.json");
const { say, serve } = require("./lines.js");
require("./w3c.js");

serve(version, w3cPeer(wrtc.RTCPeerConnection, say));
