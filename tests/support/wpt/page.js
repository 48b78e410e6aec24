// The page of a test, after the harness is there: a location, and a document that shows nothing.
"use strict";

globalThis.window = globalThis.parent = globalThis;
globalThis.location = new URL(pageAddress);

(() => {
  const element = () =>
    Object.assign(new EventTarget(), {
      style: {}, play: () => Promise.resolve(), appendChild() {}, append() {}, remove() {},
      setAttribute() {}, load() {}, pause() {},
    });
  const shown = element();
  globalThis.HTMLMediaElement = class HTMLMediaElement {};
  globalThis.document = Object.assign(new EventTarget(), {
    title: "", readyState: "complete", hidden: false, body: shown, head: shown,
    documentElement: shown,
    createElement: (name) =>
      name === "iframe"
        ? frame()
        : Object.assign(name === "canvas" ? new HTMLCanvasElement() : element(), { style: {} }),
    getElementById: element, querySelector: () => null,
    getElementsByTagName: () => [],
  });
  // Messages between this window and its frames.
  const framed = (of, events) => {
    of.addEventListener = (type, callback) => {
      const isLoad = type === "load" || type === "DOMContentLoaded";
      (isLoad ? document : events).addEventListener(isLoad ? "load" : type, callback);
    };
    of.removeEventListener = (type, callback) => events.removeEventListener(type, callback);
    of.postMessage = (data) =>
      void setTimeout(() => events.dispatchEvent(new MessageEvent("message", { data })));
    Object.defineProperty(of, "onmessage", {
      get: () => events.handlerOf("message"),
      set: (handler) => events.setHandler("message", handler),
      configurable: true,
    });
  };
  framed(globalThis, new EventTarget());

  /** A frame whose document is one script: it has a window of its own, in this realm. */
  const frame = () => {
    const inner = { parent: globalThis };
    framed(inner, new EventTarget());
    const made = Object.assign(element(), {
      contentWindow: inner,
      run() {
        const [, script] = /<script>(.*)<\/script>/s.exec(made.srcdoc) ?? [null, ""];
        new Function("window", script)(inner);
        made.onload?.();
      },
    });
    return made;
  };
  shown.appendChild = (child) => {
    if (child.run) setTimeout(() => child.run());
    return child;
  };
  Object.defineProperty(globalThis, "onload", {
    set(callback) { document.addEventListener("load", callback); },
    configurable: true,
  });
  // Nobody has to be asked for a microphone that is none.
  globalThis.test_driver = {
    set_permission: async () => {},
    bless: async (_, action) => action?.(),
    click: async () => {},
  };

  // A subtest that hangs fails by itself; in a browser those after it would not run either.
  const inTime = (test, run) =>
    Promise.race([
      promised(() => run(test)),
      new Promise((_, reject) =>
        setTimeout(() => reject(new Error(`not done in ${patience} ms`)), patience),
      ),
    ]);
  const { promise_test } = globalThis;
  globalThis.promise_test = (run, ...rest) => promise_test((test) => inTime(test, run), ...rest);

  const statuses = ["PASS", "FAIL", "TIMEOUT", "NOTRUN", "PRECONDITION_FAILED"];
  add_result_callback((test) =>
    host("result", test.name, statuses[test.status], String(test.message ?? "")),
  );
  add_completion_callback((_, { status, message }) =>
    host("finished", status, String(message ?? "")),
  );
})();
