// The classes of the W3C by the names that handfast has for them. No behaviour is added here: only
// what a browser's bindings do (WebIDL: dictionaries, enumerations, defaults) and tracks for tests.
"use strict";

(() => {
  const needs = (values, number, name) => {
    if (values.length < number) throw new TypeError(`${name}: ${number} arguments required`);
  };
  const oneOf = (name, value, ...choices) => {
    if (value !== undefined && !choices.includes(String(value))) {
      throw new TypeError(`${value} is no ${name}`);
    }
    return value === undefined ? undefined : String(value);
  };
  const isObject = (value) => typeof value === "object" && value !== null;
  const dictionary = (value) => {
    if (value !== undefined && value !== null && !isObject(value) && typeof value !== "function") {
      throw new TypeError("no dictionary");
    }
    return value ?? {};
  };
  const methods = (of, members) =>
    Object.defineProperties(of.prototype, Object.getOwnPropertyDescriptors(members));

  // Media of tests.

  const context = { fillRect() {}, clearRect() {}, drawImage() {} };
  Object.assign(HTMLCanvasElement.prototype, {
    getContext: () => context,
    captureStream: () => new MediaStream([host("track", "video")]),
  });
  globalThis.MediaStreamAudioDestinationNode = class MediaStreamAudioDestinationNode {
    stream = new MediaStream([host("track", "audio")]);
  };
  globalThis.AudioContext = class AudioContext {
    currentTime = 0;
    createOscillator() {
      return { frequency: {}, connect: (to) => to, start() {}, stop() {} };
    }
    createMediaStreamDestination() { return new MediaStreamAudioDestinationNode(); }
    async resume() {}
    async close() {}
  };

  const MediaStreamTrack = defineInterface("MediaStreamTrack", {
    attributes: ["id", "kind", "readyState", "muted"],
    events: ["mute", "unmute", "ended"],
  });
  methods(MediaStreamTrack, {
    stop() { host("call", this, "stop"); },
    get label() { return `${this.kind} of a test`; },
    get enabled() { return this.isEnabled ?? true; },
    set enabled(value) { this.isEnabled = Boolean(value); },
    clone() { return host("track", this.kind); },
    getSettings() { return {}; },
    getCapabilities() { return {}; },
    getConstraints() { return {}; },
    applyConstraints() { return Promise.resolve(); },
  });

  const MediaStream = defineInterface("MediaStream", {
    make: (given = []) =>
      madeByHost("stream", given instanceof MediaStream ? given.getTracks() : [...given]),
    attributes: ["id", "active"],
    methods: ["getTracks", "getAudioTracks", "getVideoTracks", "getTrackById"],
    events: ["addtrack", "removetrack"],
  });
  methods(MediaStream, {
    addTrack(track) { host("call", this, "addTrack", track); },
    removeTrack(track) { host("call", this, "removeTrack", track); },
    clone() { return new MediaStream(this.getTracks().map((track) => track.clone())); },
  });
  const checkedStreams = (streams) => {
    if (!streams.every((stream) => stream instanceof MediaStream)) {
      throw new TypeError("no MediaStream");
    }
    return streams;
  };

  const mediaDevices = {
    async getUserMedia(constraints) {
      const tracks = ["audio", "video"].filter((kind) => constraints?.[kind]);
      if (tracks.length === 0) throw new TypeError("no audio and no video is asked for");
      return new MediaStream(tracks.map((kind) => host("track", kind)));
    },
    getDisplayMedia: () => mediaDevices.getUserMedia({ video: true }),
    enumerateDevices: async () => [],
  };
  globalThis.navigator = { mediaDevices, userAgent: "handfast" };

  // Values.

  const jsonOf = (of, names) => ({
    toJSON() { return Object.fromEntries(names.map((name) => [name, this[name]])); },
  });
  const types = ["offer", "pranswer", "answer", "rollback"];
  const descriptionOf = (given) => {
    const init = dictionary(given);
    if (init.type === undefined) throw new TypeError("a description has a type");
    return { type: oneOf("RTCSdpType", init.type, ...types), sdp: String(init.sdp ?? "") };
  };
  defineValue("RTCSessionDescription", class RTCSessionDescription {
    #held;
    constructor(...given) {
      needs(given, 1, "RTCSessionDescription");
      this.#held = descriptionOf(given[0]);
    }
    get type() { return this.#held.type; }
    get sdp() { return this.#held.sdp; }
    toJSON() { return { type: this.type, sdp: this.sdp }; }
  });

  const text = (value) => (value === undefined || value === null ? null : String(value));
  const candidateOf = (given) => {
    const init = dictionary(given);
    return {
      candidate: init.candidate === undefined ? "" : String(init.candidate),
      sdpMid: text(init.sdpMid),
      sdpMLineIndex: init.sdpMLineIndex ?? null,
      usernameFragment: text(init.usernameFragment),
    };
  };
  const candidateNames = ["candidate", "sdpMid", "sdpMLineIndex", "usernameFragment"];
  const RTCIceCandidate = defineInterface("RTCIceCandidate", {
    make: (init) => madeByHost("value", "IceCandidate", candidateOf(init)),
    attributes: [
      ...candidateNames, "foundation", "component", "priority", "address", "protocol", "port",
      "type", "tcpType", "relatedAddress", "relatedPort", "relayProtocol", "url",
    ],
  });
  methods(RTCIceCandidate, jsonOf(RTCIceCandidate, candidateNames));

  defineValue("RTCError", class RTCError extends DOMException {
    constructor(init, message = "") {
      if (!isObject(init)) throw new TypeError("no RTCErrorInit");
      oneOf(
        "RTCErrorDetailType", init.errorDetail ?? "undefined", "data-channel-failure",
        "dtls-failure", "fingerprint-failure", "sctp-failure", "sdp-syntax-error",
        "hardware-encoder-not-available", "hardware-encoder-error",
      );
      super(message, "OperationError");
      const names = ["errorDetail", "sdpLineNumber", "sctpCauseCode", "receivedAlert", "sentAlert"];
      for (const name of names) {
        const value = init[name] ?? null;
        Object.defineProperty(this, name, { get: () => value, enumerable: true });
      }
    }
  });

  const interfaces = { channel: "RTCDataChannel", candidate: "RTCIceCandidate" };
  const event = (name, type, members, required = []) => {
    const Class = { [name]: class extends Event {
      constructor(kind, init) {
        if (arguments.length === 0) throw new TypeError(`${name} has a type`);
        if (required.length > 0 && !isObject(init)) throw new TypeError(`${name} needs a dictionary`);
        super(kind, init);
        const given = dictionary(init);
        for (const key of required) {
          if (given[key] === undefined) throw new TypeError(`${name} needs ${key}`);
        }
        for (const [key, of] of Object.entries(interfaces)) {
          const isLeftOut = given[key] === undefined || (given[key] === null && !required.includes(key));
          if (key in members && !isLeftOut && !(given[key] instanceof globalThis[of])) {
            throw new TypeError(`${key} is no ${of}`);
          }
        }
        for (const [key, value] of Object.entries(members)) this[key] = given[key] ?? value;
      }
    } }[name];
    Object.defineProperty(Class, "name", { value: name });
    defineValue(name, Class);
    for (const each of type) events.set(each, Class);
    return Class;
  };
  const events = new Map();
  event("RTCPeerConnectionIceEvent", ["icecandidate"], { candidate: null, url: null });
  event(
    "RTCPeerConnectionIceErrorEvent", ["icecandidateerror"],
    { address: null, port: null, url: "", errorCode: 0, errorText: "" }, ["errorCode"],
  );
  event(
    "RTCTrackEvent", ["track"],
    { receiver: null, track: null, streams: [], transceiver: null },
    ["receiver", "track", "transceiver"],
  );
  event("RTCDataChannelEvent", ["datachannel"], { channel: null }, ["channel"]);
  event("RTCDTMFToneChangeEvent", ["tonechange"], { tone: "" });
  event("RTCErrorEvent", ["error"], { error: null }, ["error"]);
  event("MediaStreamTrackEvent", ["addtrack", "removetrack"], { track: null }, ["track"]);
  events.set("message", MessageEvent);

  globalThis.eventOf = (type, init, target) => {
    const Class = events.get(type) ?? Event;
    if (type === "track") {
      init.streams = init.media_streams;
    }
    if (type === "message" && target.binaryType === "blob" && init.data instanceof ArrayBuffer) {
      init.data = new Blob([init.data]);
    }
    const made = new Class(type, init);
    made.isTrusted = true;
    return made;
  };

  // Classes that stand for those of handfast.

  const statsOf = (entries) => {
    const report = new Map(Object.entries(entries));
    Object.setPrototypeOf(report, RTCStatsReport.prototype);
    return report;
  };
  globalThis.RTCStatsReport = class RTCStatsReport extends Map {};
  const stats = {
    getStats(selector) {
      return promised(() => host("call", this, "getStats", ...(selector ? [selector] : []))).then(
        statsOf,
      );
    },
  };

  const policies = {
    iceTransportPolicy: ["relay", "all"],
    bundlePolicy: ["balanced", "max-compat", "max-bundle"],
    rtcpMuxPolicy: ["require", "negotiate"],
  };
  const configurationOf = (given) => {
    const init = { ...dictionary(given) };
    for (const [name, choices] of Object.entries(policies)) oneOf(name, init[name], ...choices);
    if (init.iceServers !== undefined) {
      init.iceServers = [...init.iceServers].map((server) => {
        if (!isObject(server) || server.urls === undefined) throw new TypeError("no urls");
        const urls = typeof server.urls === "string" ? server.urls : [...server.urls].map(String);
        return { ...server, urls, username: text(server.username), credential: text(server.credential) };
      });
    }
    if (init.certificates !== undefined) {
      init.certificates = [...init.certificates];
      if (!init.certificates.every((each) => each instanceof RTCCertificate)) {
        throw new TypeError("no RTCCertificate");
      }
    }
    return init;
  };

  const RTCPeerConnection = defineInterface("RTCPeerConnection", {
    make: (configuration) => madeByHost("connection", configurationOf(configuration)),
    attributes: [
      "localDescription", "currentLocalDescription", "pendingLocalDescription",
      "remoteDescription", "currentRemoteDescription", "pendingRemoteDescription",
      "signalingState", "iceGatheringState", "iceConnectionState", "connectionState",
      "canTrickleIceCandidates", "sctp",
    ],
    methods: ["getSenders", "getReceivers", "getTransceivers", "getConfiguration"],
    events: [
      "negotiationneeded", "icecandidate", "icecandidateerror", "signalingstatechange",
      "iceconnectionstatechange", "icegatheringstatechange", "connectionstatechange", "track",
      "datachannel",
    ],
  });
  const localSeen = new WeakMap();
  const remoteSeen = new WeakMap();
  const directions = ["sendrecv", "sendonly", "recvonly", "inactive", "stopped"];
  // Equal descriptions of one connection are one object: in Python they are values.
  for (const name of [
    "localDescription", "currentLocalDescription", "pendingLocalDescription",
    "remoteDescription", "currentRemoteDescription", "pendingRemoteDescription",
  ]) {
    const { get } = Object.getOwnPropertyDescriptor(RTCPeerConnection.prototype, name);
    const shared = name.toLowerCase().includes("local") ? localSeen : remoteSeen;
    Object.defineProperty(RTCPeerConnection.prototype, name, {
      get() {
        const found = get.call(this);
        if (!found) return found;
        const known = shared.get(this) ?? new Map();
        shared.set(this, known);
        const key = `${found.type} ${found.sdp}`;
        if (!known.has(key)) known.set(key, found);
        return known.get(key);
      },
      enumerable: true,
      configurable: true,
    });
  }
  methods(RTCPeerConnection, {
    ...stats,
    async createOffer(options) {
      const wanted = { iceRestart: Boolean(options?.iceRestart) };
      return (await host("call_with", this, "createOffer", wanted)).toJSON();
    },
    async createAnswer() { return (await host("call", this, "createAnswer")).toJSON(); },
    setLocalDescription(given) {
      return promised(() => {
        const init = dictionary(given);
        const description = init.type === undefined ? null : descriptionOf(init);
        return host("describe", this, "setLocalDescription", description);
      });
    },
    setRemoteDescription(...given) {
      return promised(() => {
        needs(given, 1, "setRemoteDescription");
        return host("describe", this, "setRemoteDescription", descriptionOf(given[0]));
      });
    },
    addIceCandidate(candidate) {
      return promised(() => host("candidate", this, candidateOf(candidate)));
    },
    setConfiguration(configuration) {
      host("configure", this, configurationOf(configuration));
    },
    close() { host("close", this); },
    restartIce() { host("call", this, "restartIce"); },
    addTrack(...given) {
      needs(given, 1, "addTrack");
      const [track, ...streams] = given;
      if (!(track instanceof MediaStreamTrack)) throw new TypeError("no MediaStreamTrack");
      return host("call", this, "addTrack", track, ...checkedStreams(streams));
    },
    removeTrack(sender) {
      if (!(sender instanceof RTCRtpSender)) throw new TypeError("no RTCRtpSender");
      host("call", this, "removeTrack", sender);
    },
    addTransceiver(trackOrKind, given) {
      const init = dictionary(given);
      const options = { direction: oneOf("direction", init.direction, ...directions) };
      if (init.streams !== undefined) options.streams = checkedStreams([...init.streams]);
      else options.streams = [];
      if (init.sendEncodings !== undefined) {
        options.sendEncodings = [...init.sendEncodings].map((each) => ({ ...dictionary(each) }));
      }
      const what = trackOrKind instanceof MediaStreamTrack ? trackOrKind : String(trackOrKind);
      return host("transceiver", this, what, options);
    },
    createDataChannel(...given) {
      needs(given, 1, "createDataChannel");
      return host("channel", this, String(given[0]).toWellFormed(), channelOf(dictionary(given[1])));
    },
  });
  RTCPeerConnection.generateCertificate = (algorithm) =>
    promised(() => host("certificate", isObject(algorithm) ? { ...algorithm } : { name: algorithm }));

  const unsigned = (value, name) => {
    const number = Math.trunc(Number(value));
    if (!(number >= 0 && number <= 65535)) throw new TypeError(`${name} is no unsigned short`);
    return number;
  };
  const channelOf = (init) => {
    const options = {};
    for (const name of ["ordered", "negotiated"]) {
      if (init[name] !== undefined) options[name] = Boolean(init[name]);
    }
    for (const name of ["maxPacketLifeTime", "maxRetransmits", "id"]) {
      if (init[name] !== undefined) options[name] = unsigned(init[name], name);
    }
    if (init.protocol !== undefined) options.protocol = String(init.protocol).toWellFormed();
    if (init.priority !== undefined) {
      options.priority = oneOf("RTCPriorityType", init.priority, "very-low", "low", "medium", "high");
    }
    return options;
  };

  const RTCDataChannel = defineInterface("RTCDataChannel", {
    attributes: [
      "label", "ordered", "maxPacketLifeTime", "maxRetransmits", "protocol", "negotiated", "id",
      "readyState", "bufferedAmount", "priority",
    ],
    settable: ["bufferedAmountLowThreshold"],
    events: ["open", "bufferedamountlow", "error", "closing", "close", "message"],
  });
  methods(RTCDataChannel, {
    close() { host("call", this, "close"); },
    // Python has one type for octets: what a page gets them as is the page's own choice.
    get binaryType() { return this.chosenType ?? "arraybuffer"; },
    set binaryType(type) { if (["arraybuffer", "blob"].includes(type)) this.chosenType = type; },
    send(...given) {
      needs(given, 1, "send");
      const [data] = given;
      const binary = data instanceof ArrayBuffer || ArrayBuffer.isView(data) || data instanceof Blob;
      host("call", this, "send", binary ? data : String(data).toWellFormed());
    },
  });

  const RTCRtpSender = defineInterface("RTCRtpSender", {
    attributes: ["track", "transport", "dtmf"],
    methods: ["getParameters"],
  });
  methods(RTCRtpSender, {
    ...stats,
    setParameters(parameters, options) {
      const once = dictionary(options ?? {}).encodingOptions ?? [];
      const keyFrames = [...once].map((each) => Boolean(dictionary(each).keyFrame));
      return promised(() => host("parameters", this, dictionary(parameters), keyFrames));
    },
    replaceTrack(...given) {
      return promised(() => {
        needs(given, 1, "replaceTrack");
        const [track] = given;
        if (track !== null && !(track instanceof MediaStreamTrack)) throw new TypeError("no track");
        return host("call", this, "replaceTrack", track);
      });
    },
    setStreams(...streams) { host("call", this, "setStreams", ...checkedStreams(streams)); },
  });
  const RTCRtpReceiver = defineInterface("RTCRtpReceiver", {
    attributes: ["track", "transport"],
    settable: ["jitterBufferTarget"],
    methods: ["getParameters", "getContributingSources", "getSynchronizationSources"],
  });
  methods(RTCRtpReceiver, stats);
  for (const [Class, name] of [[RTCRtpSender, "RtpSender"], [RTCRtpReceiver, "RtpReceiver"]]) {
    Class.getCapabilities = (...given) => {
      needs(given, 1, "getCapabilities");
      return host("capabilities", name, String(given[0]));
    };
  }

  const RTCRtpTransceiver = defineInterface("RTCRtpTransceiver", {
    attributes: ["mid", "sender", "receiver", "currentDirection", "stopped"],
    methods: ["getHeaderExtensionsToNegotiate", "getNegotiatedHeaderExtensions"],
  });
  methods(RTCRtpTransceiver, {
    get direction() { return host("get", this, "direction"); },
    set direction(value) {
      if (directions.includes(value)) host("set", this, "direction", value);
    },
    stop() { host("stop", this); },
    setCodecPreferences(codecs) {
      host("prefer", this, [...codecs].map((each) => ({ ...dictionary(each) })));
    },
    setHeaderExtensionsToNegotiate(extensions) { host("extend", this, [...extensions]); },
  });

  const RTCDTMFSender = defineInterface("RTCDTMFSender", {
    attributes: ["canInsertDTMF", "toneBuffer"],
    events: ["tonechange"],
  });
  methods(RTCDTMFSender, {
    insertDTMF(...given) {
      needs(given, 1, "insertDTMF");
      const [tones, ...lengths] = given;
      host("call", this, "insertDTMF", String(tones), ...lengths);
    },
  });

  defineInterface("RTCCertificate", { attributes: ["expires"], methods: ["getFingerprints"] });
  defineInterface("RTCIceTransport", {
    attributes: ["role", "component", "state", "gatheringState"],
    methods: [
      "getLocalCandidates", "getRemoteCandidates", "getSelectedCandidatePair",
      "getLocalParameters", "getRemoteParameters",
    ],
    events: ["statechange", "gatheringstatechange", "selectedcandidatepairchange", "icecandidate"],
  });
  defineInterface("RTCDtlsTransport", {
    attributes: ["iceTransport", "state"],
    methods: ["getRemoteCertificates"],
    events: ["statechange", "error"],
  });
  defineInterface("RTCSctpTransport", {
    attributes: ["transport", "state", "maxMessageSize", "maxChannels"],
    events: ["statechange"],
  });
})();
