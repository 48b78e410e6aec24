// As much of a harness as the runner asks for, by the names of that of web-platform-tests, which is
// not part of this project.
"use strict";

(() => {
  const [PASS, FAIL, TIMEOUT] = [0, 1, 2];
  const told = { result: [], completion: [] };
  const running = new Set();
  let loaded = false;
  let finished = false;

  const end = (test, status, message = "") => {
    if (!running.delete(test)) return;
    Object.assign(test, { status, message });
    for (const tell of told.result) tell(test);
    finish();
  };
  const finish = () => {
    if (!loaded || finished || running.size > 0) return;
    finished = true;
    for (const tell of told.completion) tell([], { status: 0, message: null });
  };
  const run = (name, body) => {
    const cleanups = [];
    const test = { name, add_cleanup: (each) => cleanups.push(each) };
    running.add(test);
    const clean = () => cleanups.forEach((each) => each());
    body(test).then(
      () => (clean(), end(test, PASS)),
      (error) => (clean(), end(test, FAIL, String(error))),
    );
  };

  Object.assign(globalThis, {
    add_result_callback: (callback) => told.result.push(callback),
    add_completion_callback: (callback) => told.completion.push(callback),
    test: (body, name) => run(name, async (test) => body(test)),
    promise_test: (body, name) => run(name, body),
    timeout: () => [...running].forEach((test) => end(test, TIMEOUT)),
    assert_equals(found, expected) {
      if (found !== expected) throw new Error(`expected ${expected} but got ${found}`);
    },
    assert_throws_dom(name, body) {
      try {
        body();
      } catch (error) {
        if (error instanceof DOMException && error.name === name) return;
        throw error;
      }
      throw new Error("nothing was thrown");
    },
  });
  Promise.resolve().then(() => {
    loaded = true;
    finish();
  });
})();
