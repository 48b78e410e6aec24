// Calls from JavaScript to Python, and objects of Python in JavaScript. Each class of the W3C here
// stands for a class of handfast: what it has, and does, is asked of the object there.
"use strict";

(() => {
  const objects = new Map();
  const promises = new Map();
  const classes = {};

  const isOctets = (value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value);

  /** Make a value that JSON can carry: objects of Python become their number. */
  const out = (value) => {
    if (value === undefined || typeof value === "function") return null;
    if (typeof value === "bigint") return Number(value);
    if (typeof value !== "object" || value === null) return value;
    if (value.ref !== undefined) return { $ref: value.ref };
    if (isOctets(value)) return { $bytes: octetsOf(value) };
    if (value instanceof Blob) return { $bytes: value.octets };
    if (Array.isArray(value)) return value.map(out);
    const members = Object.entries(value).filter(([, each]) => each !== undefined);
    return Object.fromEntries(members.map(([name, each]) => [name, out(each)]));
  };

  /** Make a value of what came from Python. */
  const into = (value) => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(into);
    if (value.$ref !== undefined) return objectOf(value.$ref, value.class);
    if (value.$bytes !== undefined) return bufferOf(value.$bytes);
    if (value.$number !== undefined) return Number(value.$number);
    if (value.$undefined) return undefined;
    if (value.$rejected !== undefined) return Promise.reject(errorOf(value.$rejected));
    if (value.$promise !== undefined) {
      return new Promise((resolve, reject) => promises.set(value.$promise, { resolve, reject }));
    }
    if (value.$new !== undefined) return new classes[value.$new](into(value.init));
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, into(each)]));
  };

  const objectOf = (ref, name) => {
    let found = objects.get(ref);
    if (found === undefined) {
      found = classes[name].adopt(ref);
      objects.set(ref, found);
    }
    return found;
  };

  const errorOf = ({ name, message, detail }) => {
    if (name === "TypeError") return new TypeError(message);
    if (name === "RangeError") return new RangeError(message);
    if (name === "RTCError") return new RTCError(detail, message);
    return new DOMException(message, name);
  };

  const asked = (operation, values) => {
    const answer = JSON.parse(ask(JSON.stringify([operation, ...values.map(out)])));
    if (answer.error) throw errorOf(answer.error);
    return answer.value;
  };
  globalThis.host = (operation, ...values) => into(asked(operation, values));
  /** Have an object made, and return its number. */
  globalThis.madeByHost = (operation, ...values) => asked(operation, values).$ref;

  /** A call that gives a promise: what is raised at once rejects it too. */
  globalThis.promised = (call) => {
    try {
      return Promise.resolve(call());
    } catch (error) {
      return Promise.reject(error);
    }
  };

  /** Base of all classes that stand for one of handfast. */
  globalThis.HostObject = class HostObject extends EventTarget {
    #ref;
    constructor(ref) {
      super();
      this.#ref = ref;
    }
    get ref() { return this.#ref; }
    static adopt(ref) { return new this(adopting, ref); }
  };

  /** Tells a constructor that the object exists; programs have no such token. */
  const adopting = Symbol("adopting");

  /**
   * Define a class of the W3C by its names.
   *
   * attributes are read from the object, settable ones written as well; methods are called, and
   * promising ones give promises; events have handlers. `make` gives the object for `new`.
   */
  globalThis.defineInterface = (name, shape) => {
    const { attributes = [], settable = [], methods = [], promising = [], events = [] } = shape;
    const Interface = {
      [name]: class extends HostObject {
        constructor(...given) {
          const isThere = given[0] === adopting;
          if (!isThere && !shape.make) throw new TypeError(`Illegal constructor: ${name}`);
          super(isThere ? given[1] : shape.make(...given));
          objects.set(this.ref, this);
          // From the beginning: a handler that is set later still gets what is under way.
          if (events.length > 0) host("listen", this, events);
        }
      },
    }[name];
    const of = Interface.prototype;
    const define = (key, descriptor) =>
      Object.defineProperty(of, key, { enumerable: true, configurable: true, ...descriptor });
    for (const key of [...attributes, ...settable]) {
      const set = settable.includes(key)
        ? function (value) { host("set", this, key, value); }
        : undefined;
      define(key, { get() { return host("get", this, key); }, set });
    }
    for (const key of methods) {
      define(key, {
        value(...values) { return host("call", this, key, ...values); },
        writable: true,
      });
    }
    for (const key of promising) {
      define(key, {
        value(...values) { return promised(() => host("call", this, key, ...values)); },
        writable: true,
      });
    }
    defineHandlers(Interface, events);
    define(Symbol.toStringTag, { value: name, enumerable: false });
    globalThis[name] = classes[name] = Interface;
    return Interface;
  };
  /** Define a class whose values JavaScript holds itself. */
  globalThis.defineValue = (name, of) => {
    globalThis[name] = classes[name] = of;
  };

  const deliveries = {
    timer: ({ id }) => fireTimer(id),
    settle: ({ promise, value, error }) => {
      const { resolve, reject } = promises.get(promise);
      promises.delete(promise);
      if (error) reject(errorOf(error));
      else resolve(into(value));
    },
    event: ({ ref, type, init }) => {
      const target = objects.get(ref);
      target?.dispatchEvent(eventOf(type, into(init ?? {}), target));
    },
  };
  globalThis.deliver = (text) => {
    const message = JSON.parse(text);
    deliveries[message.kind](message);
  };
})();
