// The page of a test, after the harness is there: a location, and a document that shows nothing.
"use strict";

globalThis.window = globalThis;
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
      Object.assign(name === "canvas" ? new HTMLCanvasElement() : element(), { style: {} }), getElementById: element, querySelector: () => null,
    getElementsByTagName: () => [],
  });
  globalThis.addEventListener = (type, callback) => {
    if (type === "load" || type === "DOMContentLoaded") document.addEventListener("load", callback);
  };
  globalThis.removeEventListener = () => {};
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
