// What a page finds beside WebRTC: events, timers, errors, blobs. There is no document to see.
"use strict";

globalThis.self = globalThis;

(() => {
  const codes = [
    "IndexSizeError", , "HierarchyRequestError", "WrongDocumentError", "InvalidCharacterError", ,
    "NoModificationAllowedError", "NotFoundError", "NotSupportedError", "InUseAttributeError",
    "InvalidStateError", "SyntaxError", "InvalidModificationError", "NamespaceError",
    "InvalidAccessError", , "TypeMismatchError", "SecurityError", "NetworkError", "AbortError",
    "URLMismatchError", "QuotaExceededError", "TimeoutError", "InvalidNodeTypeError",
    "DataCloneError",
  ];

  globalThis.DOMException = class DOMException extends Error {
    #name;
    constructor(message = "", name = "Error") {
      super(message);
      this.#name = name;
    }
    get name() { return this.#name; }
    get code() { return codes.indexOf(this.#name) + 1; }
  };

  globalThis.Event = class Event {
    constructor(type, init = {}) {
      if (arguments.length === 0) throw new TypeError("an event has a type");
      this.type = String(type);
      this.bubbles = Boolean(init?.bubbles);
      this.cancelable = Boolean(init?.cancelable);
      this.isTrusted = false;
      this.target = this.currentTarget = null;
      this.timeStamp = performance.now();
      this.defaultPrevented = false;
      this.stopped = false;
    }
    preventDefault() { this.defaultPrevented = this.cancelable; }
    stopPropagation() {}
    stopImmediatePropagation() { this.stopped = true; }
  };

  globalThis.MessageEvent = class MessageEvent extends Event {
    constructor(type, init = {}) {
      super(type, init);
      this.data = init.data ?? null;
    }
  };

  globalThis.EventTarget = class EventTarget {
    #listeners = new Map();
    #handlers = new Map();

    addEventListener(type, callback, options) {
      if (!callback) return;
      const list = this.#listeners.get(type) ?? [];
      this.#listeners.set(type, list);
      if (list.some((each) => each.callback === callback)) return;
      list.push({ callback, once: Boolean(options?.once) });
    }

    removeEventListener(type, callback) {
      const list = this.#listeners.get(type) ?? [];
      const at = list.findIndex((each) => each.callback === callback);
      if (at >= 0) list.splice(at, 1)[0].removed = true;
    }

    dispatchEvent(event) {
      event.target = event.currentTarget = this;
      for (const each of [...(this.#listeners.get(event.type) ?? [])]) {
        if (each.removed || event.stopped) continue;
        if (each.once) this.removeEventListener(event.type, each.callback);
        try {
          if (typeof each.callback === "function") each.callback.call(this, event);
          else each.callback.handleEvent(event);
        } catch (error) {
          reportError(error);
        }
      }
      return !event.defaultPrevented;
    }

    handlerOf(type) { return this.#handlers.get(type)?.present ?? null; }

    setHandler(type, handler) {
      let entry = this.#handlers.get(type);
      if (entry === undefined) {
        entry = { present: null };
        this.#handlers.set(type, entry);
      }
      const is = typeof handler === "function" || (typeof handler === "object" && handler);
      if (is && entry.present === null) {
        entry.listener = (event) => entry.present?.call(this, event);
        this.addEventListener(type, entry.listener);
      } else if (!is && entry.listener) {
        this.removeEventListener(type, entry.listener);
      }
      entry.present = is ? handler : null;
    }
  };

  /** Give a class `onname` attributes for its events. */
  globalThis.defineHandlers = (of, types) => {
    for (const type of types) {
      Object.defineProperty(of.prototype, `on${type}`, {
        get() { return this.handlerOf(type); },
        set(handler) { this.setHandler(type, handler); },
        enumerable: true,
        configurable: true,
      });
    }
  };

  const timers = new Map();
  let last = 0;
  const start = (callback, delay, rest, repeat) => {
    const id = ++last;
    timers.set(id, { run: () => callback(...rest), delay: repeat ? delay : null });
    host("timer", id, Number(delay) || 0);
    return id;
  };
  globalThis.setTimeout = (callback, delay = 0, ...rest) => start(callback, delay, rest, false);
  globalThis.setInterval = (callback, delay = 0, ...rest) => start(callback, delay, rest, true);
  globalThis.clearTimeout = globalThis.clearInterval = (id) => void timers.delete(id);
  globalThis.queueMicrotask = (callback) => void Promise.resolve().then(callback);
  globalThis.requestAnimationFrame = (callback) => setTimeout(() => callback(performance.now()), 16);
  globalThis.fireTimer = (id) => {
    const timer = timers.get(id);
    if (timer === undefined) return;
    if (timer.delay === null) timers.delete(id);
    else host("timer", id, timer.delay);
    timer.run();
  };

  const origin = clock();
  globalThis.performance = {
    now: () => clock() - origin,
    timeOrigin: Date.now(),
  };
  globalThis.reportError = (error) => host("log", `uncaught: ${error?.stack ?? error}`);
  const log = (...words) => host("log", words.map(String).join(" "));
  globalThis.console = { log, info: log, warn: log, error: log, debug: log, assert() {} };

  globalThis.HTMLCanvasElement = class HTMLCanvasElement extends EventTarget {};

  // What iterators have in browsers, and in Node from version 22 on.
  const Iterators = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  for (const name of ["find", "filter", "map", "some", "every", "forEach", "reduce"]) {
    Iterators[name] ??= function (...values) { return [...this][name](...values); };
  }
  Iterators.toArray ??= function () { return [...this]; };

  globalThis.octetsOf = (data) => {
    const view = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data);
    let text = "";
    for (let at = 0; at < view.length; at += 8192) {
      text += String.fromCharCode(...view.subarray(at, at + 8192));
    }
    return text;
  };
  globalThis.bufferOf = (octets) => {
    const view = new Uint8Array(octets.length);
    for (let at = 0; at < octets.length; at++) view[at] = octets.charCodeAt(at);
    return view.buffer;
  };

  globalThis.structuredClone = (value) => {
    if (value instanceof ArrayBuffer) return value.slice(0);
    if (ArrayBuffer.isView(value)) return value.slice();
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(structuredClone);
    const members = Object.entries(value).map(([name, each]) => [name, structuredClone(each)]);
    return Object.fromEntries(members);
  };

  globalThis.TextEncoder = class TextEncoder {
    encode(text = "") { return new Uint8Array(bufferOf(encodeUtf8(String(text)))); }
  };
  globalThis.TextDecoder = class TextDecoder {
    decode(data) { return decodeUtf8(octetsOf(data)); }
  };

  globalThis.Blob = class Blob {
    constructor(parts = []) {
      this.octets = parts
        .map((part) => {
          if (part instanceof Blob) return part.octets;
          if (part instanceof ArrayBuffer || ArrayBuffer.isView(part)) return octetsOf(part);
          return encodeUtf8(String(part));
        })
        .join("");
    }
    get size() { return this.octets.length; }
    async arrayBuffer() { return bufferOf(this.octets); }
    async text() { return decodeUtf8(this.octets); }
  };
  globalThis.FileReader = class FileReader extends EventTarget {
    #read(result) {
      setTimeout(() => {
        this.result = result;
        this.dispatchEvent(new Event("load"));
        this.dispatchEvent(new Event("loadend"));
      });
    }
    readAsArrayBuffer(blob) { this.#read(bufferOf(blob.octets)); }
    readAsText(blob) { this.#read(decodeUtf8(blob.octets)); }
  };
  defineHandlers(FileReader, ["load", "loadend", "error"]);

  // Newer than the Node that runs the pages.
  const octetsOf = (text) => Uint8Array.from(text, (each) => each.charCodeAt(0));
  crypto.subtle = {
    async digest(name, data) {
      const octets = new Uint8Array(data.buffer ?? data);
      return octetsOf(hashed(name.replace("-", ""), String.fromCharCode(...octets))).buffer;
    },
  };
  Uint8Array.prototype.toHex ??= function () {
    return Array.from(this, (each) => each.toString(16).padStart(2, "0")).join("");
  };
  Uint8Array.fromBase64 ??= (text) => octetsOf(atob(text));
})();
