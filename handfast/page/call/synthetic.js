// Synthetic video and tone for a page without a camera, with known colours, pitch and movement, so
// that the returned media can be checked.

export const WIDTH = 640;
export const HEIGHT = 480;
export const RATE = 30;
export const PITCH = 440;

/** The colours of the upright bars from the left, as [red, green, blue]. */
export const BARS = [
  [226, 219, 204],
  [214, 164, 62],
  [84, 156, 138],
  [46, 104, 156],
  [120, 74, 130],
  [186, 74, 64],
];

const LOUDNESS = 0.12;

/**
 * Creates a MediaStream with both. `stop()` ends it and frees the audio device; `silent()` says whether
 * the browser keeps the tone off, as some do on a machine without a loudspeaker.
 */
export function openSynthetic() {
  const picture = openPicture();
  const tone = openTone();
  return {
    stream: new MediaStream([picture.track, tone.track]),
    silent: tone.silent,
    stop() {
      picture.stop();
      tone.stop();
    },
  };
}

function openPicture() {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d", { alpha: false });
  let frame = 0;
  const draw = () => drawPicture(context, frame++);
  draw();
  const [track] = canvas.captureStream(RATE).getVideoTracks();
  // Not requestAnimationFrame, which stands still while the page is hidden.
  const timer = setInterval(draw, 1000 / RATE);
  return {
    track,
    stop() {
      clearInterval(timer);
      track.stop();
    },
  };
}

function drawPicture(context, frame) {
  const bar = WIDTH / BARS.length;
  BARS.forEach(([r, g, b], i) => {
    context.fillStyle = `rgb(${r} ${g} ${b})`;
    context.fillRect(Math.floor(i * bar), 0, Math.ceil(bar), HEIGHT);
  });

  // A ball that falls and rises as if it had weight, in the middle third of the picture.
  const radius = 34;
  const across = triangle(frame / 150) * (WIDTH - 2 * radius) + radius;
  const t = (frame % 45) / 45;
  const height = 4 * t * (1 - t) * 120;
  const floor = HEIGHT / 2 + 90;
  const squeeze = 1 - 0.4 * Math.min(1, height / 120);
  context.fillStyle = "rgb(0 0 0 / 22%)";
  context.beginPath();
  context.ellipse(across, floor + radius, radius * squeeze, 6 * squeeze, 0, 0, 2 * Math.PI);
  context.fill();
  context.fillStyle = "#ffffff";
  context.beginPath();
  context.arc(across, floor - height, radius, 0, 2 * Math.PI);
  context.fill();
}

/** Triangle wave: from 0 to 1 and back for each two units of `x`. */
function triangle(x) {
  const phase = x % 2;
  return phase < 1 ? phase : 2 - phase;
}

function openTone() {
  const context = new AudioContext({ sampleRate: 48000 });
  const oscillator = new OscillatorNode(context, { frequency: PITCH });
  const gain = new GainNode(context, { gain: LOUDNESS });
  const output = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  oscillator.connect(gain).connect(output);
  oscillator.start();
  const [track] = output.stream.getAudioTracks();
  return {
    track,
    silent: () => context.state !== "running",
    stop() {
      track.stop();
      context.close();
    },
  };
}
