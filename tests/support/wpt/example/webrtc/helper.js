"use strict";

function connection(t) {
  const pc = new RTCPeerConnection();
  t.add_cleanup(() => pc.close());
  return pc;
}

function exchange(one, other) {
  one.onicecandidate = ({ candidate }) => other.addIceCandidate(candidate);
  other.onicecandidate = ({ candidate }) => one.addIceCandidate(candidate);
}

const event = (target, type) =>
  new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));
