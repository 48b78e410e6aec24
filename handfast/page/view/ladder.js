// Ladder of the call, as the Python peer traced it. Draws the same elements as a saved ladder
// (handfast/trace/document.py) for the same rows (handfast/trace/rows.py).

import { byId, html, svg } from "./dom.js";

const WAITING = "During a call: what the Python peer sent, heard and decided, and the RFC behind it.";
const SIGNS = { plain: "●", good: "✔", bad: "✘" };
const KINDS = new Map([
  ["signaling", "signalling"],
  ["ice", "STUN"],
  ["dtls", "DTLS"],
  ["media", "SRTP and data"],
]);
const TOOLTIP_LINES = 8;

export class Ladder {
  #element = byId("ladder");
  #note = byId("ladder-note");
  #left = html("span");
  #right = html("span");
  #rungs = html("ol", { class: "rungs" });
  #associations = html("li", { hidden: true }, tag(1), tag(2), "… DTLS associations, in their order");

  constructor() {
    this.#element.append(
      html("div", { class: "ladder-heads" }, html("div", {}, this.#left, this.#right)),
      this.#rungs,
      legend(this.#associations),
    );
    this.clear();
  }

  clear() {
    this.#rungs.replaceChildren();
    this.#element.hidden = true;
    this.#note.textContent = WAITING;
  }

  /** Replaces all rows from index `start` on by `rows`. */
  show({ left, right, verdict, mood, remarks, start, rows }) {
    const names = { left, right };
    this.#left.textContent = left;
    this.#right.textContent = right;
    this.#note.textContent = [`${SIGNS[mood]} ${verdict}`, ...remarks].join(" ");
    while (this.#rungs.childElementCount > start) this.#rungs.lastElementChild.remove();
    this.#rungs.append(...rows.map((row) => DRAWN[row.row](row, names)));
    this.#associations.hidden = !this.#rungs.querySelector(".tag");
    this.#element.hidden = false;
  }
}

const DRAWN = { arrow, note, marks, failure, pause };

function arrow(row, names) {
  const { origin, both_ways: bothWays, outcome, topic, mood } = row;
  const there = names[other(origin)];
  const way = `${names[origin]} ${bothWays ? "and" : "to"} ${there}: `;
  const lost = outcome === "lost";
  const section = html("span", { class: "section" }, short(row.section));
  const about = lost ? `${row.note} · not seen by ${there}` : row.note;
  return rung(
    row,
    "arrow",
    { topic, origin, outcome, mood },
    said(way, row.label, { association: row.association }),
    shaft({ toLeft: bothWays || origin === "right", toRight: bothWays || origin === "left", lost }),
    html("div", { class: "aside" }, more(about, row.details), section),
  );
}

function note(row, names) {
  const { side, mood, topic } = row;
  const line = said(`${names[side]}: `, row.label, { sign: SIGNS[mood], association: row.association });
  const box = html("div", { class: "box" }, line, more(short(row.section), row.details));
  return rung(row, "note", { side, mood, topic }, box);
}

function marks(row, names) {
  const states = row.states.map((state) => html("li", {}, state));
  const who = html("span", { class: "unseen" }, `${names[row.side]}: `);
  return rung(row, "marks", { side: row.side }, who, html("ul", {}, ...states));
}

function failure(row, names) {
  const line = said(`${names[row.side]} failed: `, row.sentence, { sign: SIGNS.bad });
  const whole = row.details.length ? [more("The whole sentence", row.details)] : [];
  return rung(row, "failure", { side: row.side }, html("div", { class: "box" }, line, ...whole));
}

function pause(row) {
  const { seconds, left_out: leftOut } = row;
  const words = leftOut ? `${leftOut} rows of ${milliseconds(seconds)} left out` : `${milliseconds(seconds)} later`;
  return rung({ ...row, time: null }, "pause", {}, words);
}

function rung({ time, details, association }, kind, data, ...inside) {
  const title = details?.length ? details.slice(0, TOOLTIP_LINES).join("\n") : null;
  const when = html("time", {}, time === null ? "" : milliseconds(time));
  const lane = html("div", { class: "lane" }, ...inside);
  const element = html("li", { class: `rung ${kind}`, title }, when, lane);
  Object.assign(element.dataset, data, association ? { association: tint(association) } : {});
  return element;
}

function said(who, words, { sign, association } = {}) {
  const line = html("p", { class: "said" });
  if (sign) line.append(html("span", { class: "sign", "aria-hidden": "true" }, sign));
  line.append(html("span", { class: "unseen" }, who));
  if (association) line.append(tag(association));
  line.append(html("span", {}, words));
  return line;
}

function tag(association) {
  return html("span", { class: "tag", "data-association": tint(association) }, `A${association}`);
}

/** Returns the colour class of an association: neighbours differ. */
function tint(association) {
  return association % 2 ? "odd" : "even";
}

function more(about, details) {
  if (!details.length) return html("span", {}, about);
  const told = details.map((detail) => html("li", {}, detail));
  return html("details", {}, html("summary", {}, about), html("ul", {}, ...told));
}

function short(section) {
  return section.replace(" section ", " §");
}

/** Creates an arrow as wide as the lane; nested drawings keep its heads in shape at any width. */
function shaft({ toLeft = false, toRight = false, lost = false }) {
  const [start, end] = !lost ? ["0", "100%"] : toRight ? ["0", "66%"] : ["34%", "100%"];
  const drawing = svg("svg", { class: "shaft", "aria-hidden": "true" });
  drawing.append(svg("line", { x1: start, x2: end, y1: 7, y2: 7 }));
  if (lost) {
    const cross = svg("path", { class: "cross", d: "M-5 2l10 10M-5 12l10 -10" });
    drawing.append(svg("svg", { x: toRight ? end : start, overflow: "visible" }, cross));
    return drawing;
  }
  if (toLeft) drawing.append(svg("path", { d: "M0 7l10 -6v12z" }));
  if (toRight) {
    const head = svg("path", { d: "M0 7l-10 -6v12z" });
    drawing.append(svg("svg", { x: "100%", overflow: "visible" }, head));
  }
  return drawing;
}

function legend(...more) {
  const kinds = [...KINDS].map(([topic, name]) =>
    html("li", { "data-topic": topic }, shaft({ toRight: true }), html("span", {}, name)),
  );
  return html("ul", { class: "legend" }, ...kinds, ...more);
}

function other(side) {
  return side === "left" ? "right" : "left";
}

function milliseconds(seconds) {
  if (seconds < 0.99995) return `${(seconds * 1000).toFixed(1)} ms`;
  return seconds < 60 ? `${seconds.toFixed(3)} s` : `${seconds.toFixed(1)} s`;
}
