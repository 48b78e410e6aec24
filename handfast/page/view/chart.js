// A line chart of the last minute: up to two series, drawn as SVG at its displayed size.

import { html, svg } from "./dom.js";

const SECONDS = 60;
const MARGIN = { top: 10, right: 4, bottom: 20, left: 4 };

/**
 * A card with a title, the present values and their course.
 *
 * `series` is a list of `{ name, label }`; `format(value)` gives `[number, unit]` as texts;
 * `least` is the smallest top of the scale.
 */
export class Chart {
  #series;
  #format;
  #least;
  #samples = [];
  #pointed = null;
  #size = { width: 0, height: 0 };

  constructor({ title, series, format, least }) {
    this.#series = series;
    this.#format = format;
    this.#least = least;
    this.#plot = svg("svg", { class: "plot", role: "img", tabindex: "0" });
    this.#when = html("span", { class: "chart-when" });
    this.#values = series.map(({ label }, i) => {
      const number = html("span", { class: "number" }, "–");
      const unit = html("span", { class: "unit" });
      const key = html("dt", {}, html("span", { class: `key key-${i}`, "aria-hidden": "true" }), label);
      return { number, unit, row: html("div", {}, key, html("dd", {}, number, unit)) };
    });
    this.title = title;
    this.element = html(
      "article",
      { class: "card chart" },
      html("h3", {}, title, this.#when),
      html("dl", { class: "readout" }, ...this.#values.map(({ row }) => row)),
      this.#plot,
    );
    this.#listen();
    this.#write();
  }

  #plot;
  #when;
  #values;

  /** Adds the values of one second, in the order of the series; null leaves a gap. */
  push(values) {
    this.#samples.push(values);
    if (this.#samples.length > SECONDS + 1) this.#samples.shift();
    this.#write();
    this.#draw();
  }

  clear() {
    this.#samples = [];
    this.#pointed = null;
    this.#write();
    this.#draw();
  }

  #listen() {
    new ResizeObserver(([{ contentRect }]) => {
      this.#size = { width: contentRect.width, height: contentRect.height };
      this.#draw();
    }).observe(this.#plot);
    this.#plot.addEventListener("pointermove", ({ clientX }) => {
      const { left, width } = this.#plot.getBoundingClientRect();
      const inner = width - MARGIN.left - MARGIN.right;
      this.#point(Math.round(((left + width - MARGIN.right - clientX) / inner) * SECONDS));
    });
    this.#plot.addEventListener("pointerleave", () => this.#point(null));
    this.#plot.addEventListener("blur", () => this.#point(null));
    this.#plot.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: 1, ArrowRight: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.#point((this.#pointed ?? 0) + step);
    });
  }

  /** Shows the values of some seconds ago instead of the present ones. */
  #point(age) {
    const oldest = this.#samples.length - 1;
    this.#pointed = age === null || oldest < 0 ? null : Math.max(0, Math.min(oldest, age));
    this.#write();
    this.#draw();
  }

  #write() {
    const shown = this.#samples.at(-1 - (this.#pointed ?? 0)) ?? [];
    this.#when.textContent = this.#pointed === null ? "" : `${this.#pointed} s ago`;
    this.#values.forEach(({ number, unit }, i) => {
      const [text, of] = known(shown[i]) ? this.#format(shown[i]) : ["–", ""];
      number.textContent = text;
      unit.textContent = of;
    });
    this.#plot.setAttribute("aria-label", this.#summary(shown));
  }

  #summary(shown) {
    const said = this.#series.map(({ label }, i) => {
      const text = known(shown[i]) ? this.#format(shown[i]).join(" ") : "unknown";
      return `${label} ${text}`;
    });
    return `${this.title} over the last minute: ${said.join(", ")}. Arrow keys go back in time.`;
  }

  #draw() {
    const { width, height } = this.#size;
    if (width < 40 || height < 40) return;
    const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
    const top = niceTop(Math.max(this.#least, ...this.#samples.flat().filter(known)));
    const x = (age) => MARGIN.left + inner.width * (1 - age / SECONDS);
    const y = (value) => MARGIN.top + inner.height * (1 - value / top);
    this.#plot.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#plot.replaceChildren(
      ...this.#grid(top, x, y, inner),
      ...this.#series.map((_, i) => this.#line(i, x, y)),
      ...this.#cursor(x, y),
    );
  }

  #grid(top, x, y, inner) {
    const right = MARGIN.left + inner.width;
    const level = (value, name) =>
      svg("line", { class: name, x1: MARGIN.left, x2: right, y1: y(value), y2: y(value) });
    const text = (where, at, anchor, words) =>
      svg("text", { class: "tick", x: at, y: where, "text-anchor": anchor }, words);
    const below = y(0) + 14;
    return [
      level(top, "grid"),
      level(top / 2, "grid"),
      level(0, "axis"),
      text(y(top) + 12, MARGIN.left, "start", this.#format(top).join(" ")),
      text(below, MARGIN.left, "start", `${SECONDS} s ago`),
      text(below, right, "end", "now"),
    ];
  }

  #line(i, x, y) {
    const last = this.#samples.length - 1;
    let path = "";
    let pen = "M";
    this.#samples.forEach((values, n) => {
      if (known(values[i])) {
        path += `${pen}${x(last - n).toFixed(1)} ${y(values[i]).toFixed(1)}`;
        pen = "L";
      } else {
        pen = "M";
      }
    });
    return svg("path", { class: `line line-${i}`, d: path });
  }

  #cursor(x, y) {
    if (!this.#samples.length) return [];
    const age = this.#pointed ?? 0;
    const values = this.#samples.at(-1 - age);
    const dots = values.flatMap((value, i) =>
      known(value) ? [svg("circle", { class: `point point-${i}`, cx: x(age), cy: y(value), r: 3.5 })] : [],
    );
    if (this.#pointed === null) return dots;
    const { height } = this.#size;
    const rule = { class: "cursor", x1: x(age), x2: x(age), y1: MARGIN.top, y2: height - MARGIN.bottom };
    return [svg("line", rule), ...dots];
  }
}

function known(value) {
  return value !== null && value !== undefined;
}

/** The smallest of 1, 2, 5 times a power of ten that is not below `value`. */
function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value * 0.999);
}
