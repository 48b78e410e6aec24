// Media of a page for w3c.js: a moving picture, and a callback for each frame that arrives.
"use strict";

globalThis.browserStack = (() => {
  const FRAMES_A_SECOND = 30;
  // A worker sees a frame when it is complete, however busy the page is with drawing.
  const WATCHER = `onrtctransform = ({ transformer: { readable, writable } }) =>
    readable.pipeThrough(new TransformStream({
      transform(frame, controller) {
        postMessage(performance.timeOrigin + performance.now());
        controller.enqueue(frame);
      },
    })).pipeTo(writable)`;

  function source(kind) {
    if (kind !== "video") throw new Error(`a page here sends no ${kind}`);
    const canvas = Object.assign(document.createElement("canvas"), { width: 160, height: 120 });
    const context = canvas.getContext("2d");
    let number = 0;
    setInterval(() => {
      context.fillStyle = `hsl(${number % 360} 80% 50%)`;
      context.fillRect(0, 0, canvas.width, canvas.height);
      number += 1;
    }, 1000 / FRAMES_A_SECOND);
    return canvas.captureStream().getVideoTracks()[0];
  }

  function watch(track, receiver, arrivals) {
    const worker = new Worker(URL.createObjectURL(new Blob([WATCHER])));
    worker.onmessage =  ({ data }) => arrivals.note(data);
    receiver.transform = new RTCRtpScriptTransform(worker, {});
    // Nothing is decoded that nobody looks at.
    const video = Object.assign(document.createElement("video"), { muted: true });
    video.srcObject = new MediaStream([track]);
    document.body.append(video);
    video.play();
  }

  return { RTCPeerConnection, source, watch };
})();
