// The page: runs one call at a time, and passes its events to the views.

import { Call, TIMEOUT_MS } from "./call/call.js";
import { Room } from "./call/room.js";
import { Sampler } from "./call/sampler.js";
import { openSource } from "./call/source.js";
import { Changes, moodOf as moodOfChange } from "./view/changes.js";
import { Charts } from "./view/charts.js";
import { Controls } from "./view/controls.js";
import { Descriptions } from "./view/descriptions.js";
import { byId } from "./view/dom.js";
import { Ladder } from "./view/ladder.js";
import { Problem } from "./view/problem.js";
import { Report } from "./view/report.js";
import { Screens } from "./view/screens.js";
import { Security } from "./view/security.js";
import { Setup } from "./view/setup.js";
import { MACHINES, States, moodOf } from "./view/states.js";
import { Take } from "./view/take.js";
import { Timeline } from "./view/timeline.js";
import { outcomeOf, progressOf, STATUS } from "./view/words.js";

const SAMPLE_MS = 1000;
// Codes with which the peer has ended the call, without a failure.
const PARTINGS = new Set(["bye", "peer-left"]);

const controls = new Controls();
const screens = new Screens();
const changes = new Changes();
const take = new Take();
const charts = new Charts(byId("charts"));
const states = new States();
const timeline = new Timeline();
const setup = new Setup();
const security = new Security();
const descriptions = new Descriptions();
const report = new Report();
const ladder = new Ladder();
const problem = new Problem(() => start());

/** Objects that exist during a call only. */
let session = null;

/** For the console and for tests: the last sample and the call's own objects. */
globalThis.handfast = {
  get session() {
    return session;
  },
  sample: null,
};

function say(stage) {
  const [mood, text] = STATUS[stage];
  byId("status").dataset.mood = mood;
  byId("status-text").textContent = text;
}

function change(name, value) {
  states.set(name, value);
  setup.mark(`${name} ${value}`);
  timeline.add(MACHINES.get(name), value, moodOf(value));
}

async function start() {
  if (session) return;
  const stop = new AbortController();
  session = { stop, source: null, call: null, timer: null };
  const mine = session;
  prepare();
  try {
    say("source");
    const source = await openSource(controls.source);
    if (mine !== session) return source.stop();
    mine.source = source;
    if (source.problem) problem.show(source.problem.code, source.problem.detail);
    screens.showSent(source);
    timeline.add("This page", source.kind === "camera" ? "camera and microphone opened" : "test picture and tone started");

    const began = performance.now();
    timeline.begin(began);
    setup.begin(began);
    say("server");
    change("server", "joining");
    const room = await Room.enter(stop.signal);
    if (mine !== session) return room.leave();
    change("server", "joined");
    say("offer");
    connect(new Call(room, source.stream), room);
  } catch (error) {
    if (mine === session) fail(error.code ?? "negotiation", error.detail ?? error.message);
  }
}

function prepare() {
  problem.clear();
  charts.clear();
  states.clear();
  security.clear();
  descriptions.clear();
  report.clear();
  ladder.clear();
  changes.clear();
  take.clear();
  controls.inCall(true);
}

function connect(call, room) {
  session.call = call;
  const sampler = new Sampler(call.connection);
  controls.use(session.source.stream, screens);
  room.addEventListener("end", ({ detail }) => change("server", PARTINGS.has(detail.code) ? "left" : "gone"));
  call.addEventListener("state", ({ detail }) => onState(detail));
  call.addEventListener("description", ({ detail: { side, description } }) => {
    descriptions.set(side, description);
    security.setDescription(side, description.sdp);
  });
  call.addEventListener("media", async () => {
    if (!(await screens.showReturned(call.returned))) {
      controls.speakerOff();
      problem.show("sound-blocked");
    }
  });
  call.addEventListener("report", ({ detail }) => {
    report.show(detail);
    security.setPeer(detail.transport);
  });
  call.addEventListener("ladder", ({ detail }) => ladder.show(detail));
  call.addEventListener("changeable", ({ detail }) => changes.allow(detail));
  call.addEventListener("outcome", ({ detail }) => {
    changes.show(detail);
    timeline.add("Python peer", outcomeOf(detail), moodOfChange(detail));
  });
  call.addEventListener("recordable", ({ detail }) => take.allow(detail));
  call.addEventListener("recording", ({ detail }) => {
    take.show(detail);
    if (detail.state === "ready") timeline.add("Python peer", "recording ready", "good");
  });
  call.addEventListener("alone", () => problem.show("server-gone"));
  call.addEventListener("fail", ({ detail }) => fail(detail.code, detail.detail));
  screens.onFirstPicture(() => {
    setup.mark("picture shown");
    timeline.add("Python peer", "first returned picture", "good");
    if (session?.source.silent?.()) timeline.add("This page", "the browser keeps the test tone silent", "bad");
  });
  session.timer = setInterval(() => takeSample(call, sampler), SAMPLE_MS);
}

function onState({ name, value }) {
  change(name, value);
  // During a change the present path and keys stay in use until the new ones are.
  const first = setup.at("connection connected") === null;
  if (name === "ice" && value === "checking" && first) say("ice");
  if (name === "ice" && value === "disconnected") {
    say("silent");
    problem.show("silent");
  }
  if (name === "ice" && (value === "connected" || value === "completed")) problem.clear("silent");
  if (name === "dtls" && value === "connecting" && first) say("dtls");
  if (name === "connection" && value === "connected") say("connected");
}

async function takeSample(call, sampler) {
  const sample = await sampler.sample();
  if (session?.call !== call) return;
  globalThis.handfast.sample = sample;
  charts.push(sample, call.pinger.take());
  security.setOwn(sample.transport);
  byId("progress").textContent = setup.at("connection connected") === null
    ? progressOf({ seconds: Math.round(setup.elapsed / 1000), most: TIMEOUT_MS / 1000, answered: call.answered, checks: sample.checks })
    : "";
  screens.showRates(sample);
}

function fail(code, detail) {
  end(PARTINGS.has(code) ? "ended" : "failed");
  problem.show(code, detail);
}

function end(stage) {
  if (!session) return;
  const { stop, source, call, timer } = session;
  session = null;
  clearInterval(timer);
  byId("progress").textContent = "";
  stop.abort();
  call?.close();
  source?.stop();
  screens.clear();
  changes.allow(false);
  take.allow(false);
  controls.inCall(false);
  say(stage);
}

controls.addEventListener("call", () => start());
changes.addEventListener("ask", ({ detail }) => {
  session.call.ask(detail);
  timeline.add("This page", detail === "rekey" ? "asked for new keys" : "asked for another path");
});
take.addEventListener("ask", ({ detail }) => {
  session.call.record(detail);
  timeline.add("This page", detail === "start" ? "asked to be recorded" : "ended the recording");
});
controls.addEventListener("hang-up", () => {
  change("connection", "closed");
  end("ended");
});
addEventListener("pagehide", () => end("ended"));

if (globalThis.RTCPeerConnection) {
  say("ready");
} else {
  say("failed");
  problem.show("no-webrtc");
  controls.disable();
}
