// Runs JavaScript for Python, in lockstep: one of the two runs at a time, and the other one waits.
// A line of JSON comes in on stdin and is run; while it runs, each `ask` goes out on stdout and its
// answer comes back; `{"done": true}` gives the turn back. Microtasks run as each turn ends.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const vm = require("node:vm");

const scope = {};
const context = vm.createContext(scope, { microtaskMode: "afterEvaluate" });
const buffer = Buffer.alloc(1 << 16);
let pending = Buffer.alloc(0);

function readLine() {
  const parts = [];
  for (;;) {
    const end = pending.indexOf(10);
    if (end >= 0) {
      parts.push(pending.subarray(0, end));
      pending = pending.subarray(end + 1);
      return Buffer.concat(parts).toString();
    }
    parts.push(pending);
    const read = fs.readSync(0, buffer);
    if (read === 0) process.exit(0);
    pending = Buffer.from(buffer.subarray(0, read));
  }
}

function write(message) {
  const line = Buffer.from(JSON.stringify(message) + "\n");
  for (let from = 0; from < line.length; ) from += fs.writeSync(1, line, from);
}

// Of Node: what JavaScript itself does not have. Only plain values cross the border.
Object.assign(scope, {
  ask(text) {
    write({ ask: text });
    return readLine();
  },
  clock: () => performance.now(),
  encodeUtf8: (text) => Buffer.from(text.toWellFormed(), "utf8").toString("latin1"),
  decodeUtf8: (octets) => Buffer.from(octets, "latin1").toString("utf8"),
  hashed: (name, octets) =>
    crypto.createHash(name).update(octets, "latin1").digest("latin1"),
  crypto: { randomUUID: () => crypto.randomUUID() },
  atob,
  URL,
  URLSearchParams,
});
const deliver = new vm.Script("deliver(inbox)");

for (;;) {
  const { script, name, message } = JSON.parse(readLine());
  let error = null;
  try {
    if (script === undefined) {
      scope.inbox = message;
      deliver.runInContext(context);
    } else {
      vm.runInContext(script, context, { filename: name });
    }
  } catch (thrown) {
    error = String(thrown?.stack ?? thrown);
  }
  write({ done: true, error });
}
