// Lines of JSON of a Node.js program: reads commands in order, writes answers.
"use strict";

const readline = require("node:readline");

function say(what, fields = {}) {
  process.stdout.write(`${JSON.stringify({ say: what, ...fields })}\n`);
}

async function serve(version, obey) {
  say("ready", { version });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    try {
      await obey(JSON.parse(line));
    } catch (error) {
      say("error", { text: String(error) });
    }
  }
  // The stacks' own threads would keep the process alive.
  process.exit(0);
}

module.exports = { say, serve };
