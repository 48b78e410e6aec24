// A page that sends pictures of one colour and tones of one pitch, and reports those that arrive.
"use strict";

globalThis.media = (() => {
  const FRAMES_A_SECOND = 15;
  // An AudioContext of Firefox stands still on a machine without sound; an element plays on.
  const RATE = 8000;
  const SECONDS = 90;
  const LISTEN = 700;
  const connection = new RTCPeerConnection();
  const elements = new Map();

  connection.ontrack = ({ track }) => {
    const element = document.createElement(track.kind);
    element.muted = true;
    element.srcObject = new MediaStream([track]);
    document.body.append(element);
    element.play();
    elements.set(track, element);
  };

  function picture(width, height, draw) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    setInterval(draw, 1000 / FRAMES_A_SECOND, context);
    return canvas.captureStream().getVideoTracks()[0];
  }

  const flat = (colour) => picture(160, 120, (context) => {
    context.fillStyle = `rgb(${colour.join(" ")})`;
    context.fillRect(0, 0, 160, 120);
  });

  // As many bits as there may be: no square is like its neighbours, or like itself before.
  const noise = () => picture(320, 240, (context) => {
    for (let i = 0; i < 1200; i += 1) {
      context.fillStyle = `hsl(${360 * Math.random()} 80% 50%)`;
      context.fillRect(8 * (i % 40), 8 * Math.floor(i / 40), 8, 8);
    }
  });

  function wave(pitch) {
    const samples = new Int16Array(RATE * SECONDS);
    for (let i = 0; i < samples.length; i += 1) {
      samples[i] = 8000 * Math.sin((2 * Math.PI * pitch * i) / RATE);
    }
    const header = new DataView(new ArrayBuffer(44));
    const write = (at, text) => [...text].forEach((c, i) => header.setUint8(at + i, c.charCodeAt()));
    write(0, "RIFF");
    header.setUint32(4, 36 + samples.byteLength, true);
    write(8, "WAVEfmt ");
    header.setUint32(16, 16, true);
    header.setUint16(20, 1, true);
    header.setUint16(22, 1, true);
    header.setUint32(24, RATE, true);
    header.setUint32(28, 2 * RATE, true);
    header.setUint16(32, 2, true);
    header.setUint16(34, 16, true);
    write(36, "data");
    header.setUint32(40, samples.byteLength, true);
    return new Blob([header, samples], { type: "audio/wav" });
  }

  async function tone(pitch) {
    const element = new Audio(URL.createObjectURL(wave(pitch)));
    const capture = element.captureStream ?? element.mozCaptureStream;
    const stream = capture.call(element);
    await element.play();
    while (stream.getAudioTracks().length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return stream.getAudioTracks()[0];
  }

  function source({ colour, pitch }) {
    if (pitch) return tone(pitch);
    return colour ? flat(colour) : noise();
  }

  // The other codecs that pages know stay out, except RTX and telephone events. Behind the name may
  // stand a part of the fmtp line; `red+opus` are two codecs, the first one preferred.
  function codecs(kind, codec) {
    const [name, fmtp = ""] = codec.split(" ");
    const named = name.split("+").map((each) => `${kind}/${each}`);
    const wanted = [...named, `${kind}/rtx`, `${kind}/telephone-event`];
    const found = RTCRtpReceiver.getCapabilities(kind).codecs;
    const place = ({ mimeType }) => wanted.findIndex((w) => w.toLowerCase() === mimeType.toLowerCase());
    const fits = (c) => place(c) > 0 || (place(c) === 0 && (c.sdpFmtpLine ?? "").includes(fmtp));
    return found.filter(fits).sort((a, b) => place(a) - place(b));
  }

  // A track that is given is sent; else one of that colour or pitch.
  async function add({ codec, rids, given, ...what }) {
    const track = given ?? (await source(what));
    const sendEncodings = (rids ?? []).map((rid) => ({ rid }));
    const transceiver = connection.addTransceiver(track, { sendEncodings });
    if (codec) transceiver.setCodecPreferences(codecs(track.kind, codec));
    return transceiver;
  }

  async function described() {
    await connection.setLocalDescription();
    while (connection.iceGatheringState !== "complete") {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { type, sdp } = connection.localDescription;
    return { type, sdp };
  }

  async function answer(offer, sources) {
    await connection.setRemoteDescription(offer);
    for (const [index, transceiver] of connection.getTransceivers().entries()) {
      await transceiver.sender.replaceTrack(await source(sources[index]));
      transceiver.direction = "sendrecv";
    }
    return described();
  }

  function look(element) {
    if (element.videoWidth === 0) return null;
    const canvas = document.createElement("canvas");
    const context = Object.assign(canvas, { width: 1, height: 1 }).getContext("2d");
    context.drawImage(element, 0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  }

  async function listen(track) {
    const recorder = new MediaRecorder(new MediaStream([track]));
    const parts = [];
    recorder.addEventListener("dataavailable", ({ data }) => parts.push(data));
    const stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve));
    recorder.start();
    await new Promise((resolve) => setTimeout(resolve, LISTEN));
    recorder.stop();
    await stopped;
    const encoded = await new Blob(parts).arrayBuffer();
    const sound = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(encoded);
    return pitchOf(sound.getChannelData(0), sound.sampleRate);
  }

  // By the periods of the last third of a second, in which all has settled.
  function pitchOf(samples, rate) {
    const crossings = [];
    for (let i = Math.max(1, samples.length - rate / 3); i < samples.length; i += 1) {
      if (samples[i - 1] < 0 && samples[i] >= 0) crossings.push(i);
    }
    const periods = crossings.length - 1;
    return periods < 1 ? null : (rate * periods) / (crossings.at(-1) - crossings[0]);
  }

  // What each m-section gives, by its name.
  async function seen() {
    const found = connection.getTransceivers().map(async ({ mid, receiver: { track } }) => {
      if (!elements.has(track)) return [mid, null];
      const seen = track.kind === "video" ? look(elements.get(track)) : await listen(track);
      return [mid, seen];
    });
    return Object.fromEntries(await Promise.all(found));
  }

  async function stats(type) {
    return [...(await connection.getStats()).values()].filter((each) => each.type === type);
  }

  return { connection, add, answer, described, seen, stats };
})();
