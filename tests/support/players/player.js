// Plays a recording to its end, then looks at its middle. One page plays many, one after the other.
globalThis.player = (() => {
  const event = (target, name) =>
    new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));

  const picturesOf = (video) => video.getVideoPlaybackQuality().totalVideoFrames;

  async function script(url) {
    if (globalThis.Hls) return;
    const element = document.createElement("script");
    element.src = url;
    const loaded = event(element, "load");
    document.head.append(element);
    await loaded;
  }

  /** What is there to be played, in seconds. */
  const rangesOf = ({ buffered }) =>
    [...Array(buffered.length).keys()].map((n) => `${buffered.start(n)}-${buffered.end(n)}`);

  /** Begins of the holes in what is there to be played. */
  const holesOf = ({ buffered }) =>
    [...Array(Math.max(0, buffered.length - 1)).keys()].map((n) => buffered.end(n));

  /** Where nothing moves for so long, nothing will: seconds. */
  const PATIENCE = 15;

  async function play({ url, rate, hls }) {
    const video = document.createElement("video");
    video.muted = true;
    video.width = 320;
    document.body.replaceChildren(video);
    const report = { duration: null, width: 0, height: 0, stalls: [], holes: [], trouble: null };
    let failed;
    const failure = new Promise((_, reject) => (failed = reject));
    video.addEventListener("error", () =>
      failed(new Error(video.error.message || `MediaError ${video.error.code}`)),
    );
    let playing = false;
    video.addEventListener("playing", () => (playing = true));
    video.addEventListener("waiting", () => {
      if (playing) report.stalls.push(video.currentTime);
    });
    let at = -1;
    let since = performance.now();
    let doing = "loading";
    const watch = setInterval(() => {
      if (video.currentTime !== at) {
        at = video.currentTime;
        since = performance.now();
      } else if (performance.now() - since > PATIENCE * 1000) {
        failed(new Error(`stands at ${at} while ${doing}, buffered ${rangesOf(video)}`));
      }
    }, 100);
    const within = (promise, what) => {
      doing = what;
      since = performance.now();
      return Promise.race([promise, failure]);
    };
    let engine = null;
    try {
      const metadata = event(video, "loadedmetadata");
      if (hls) {
        await within(script(hls), "loading hls.js");
        engine = new Hls();
        engine.on(Hls.Events.ERROR, (_, { fatal, details, error, reason }) => {
          const said = `hls.js: ${details} ${reason || error?.message || ""}`;
          if (fatal) failed(new Error(said));
          else (report.complaints ??= []).push(said);
        });
        engine.loadSource(url);
        engine.attachMedia(video);
      } else {
        video.src = url;
      }
      await within(metadata, "loading");
      Object.assign(report, {
        duration: video.duration,
        width: video.videoWidth,
        height: video.videoHeight,
      });
      const ended = event(video, "ended");
      video.playbackRate = rate;
      await within(video.play(), "starting");
      await within(ended, "playing");
      report.end = video.currentTime;
      report.lasting = video.duration;
      report.pictures = picturesOf(video);
      report.holes = holesOf(video);
      playing = false;
      video.pause();
      const seeked = event(video, "seeked");
      video.currentTime = report.end / 2;
      await within(seeked, "seeking");
      report.middle = video.currentTime;
    } catch (error) {
      report.trouble = error.message;
      report.end ??= video.currentTime;
      report.pictures ??= picturesOf(video);
    } finally {
      clearInterval(watch);
      engine?.destroy();
      video.removeAttribute("src");
      video.load();
    }
    return report;
  }

  /** Begins to watch a playlist that grows; what happens is in `player.watched`. */
  async function watch({ url, hls }) {
    const video = document.createElement("video");
    video.muted = true;
    video.width = 320;
    document.body.replaceChildren(video);
    await script(hls);
    // A page on a busy machine plays a little too slowly, and is to catch up.
    const engine = new Hls({ maxLiveSyncPlaybackRate: 1.1 });
    const seen = { stalls: [], complaints: [], ended: false };
    engine.on(Hls.Events.ERROR, (_, { fatal, details }) => {
      const there = rangesOf(video).join(" ");
      const what = `${fatal ? "fatal " : ""}${details} at ${video.currentTime} of ${there}`;
      seen.complaints.push(what);
    });
    video.addEventListener("playing", () => {
      video.addEventListener("waiting", () => seen.stalls.push(video.currentTime));
    }, { once: true });
    video.addEventListener("ended", () => (seen.ended = true));
    engine.loadSource(url);
    engine.attachMedia(video);
    await event(video, "loadedmetadata");
    await video.play();
    globalThis.player.watched = () => ({
      ...seen,
      at: video.currentTime,
      latency: engine.latency,
      pictures: picturesOf(video),
    });
  }

  /** Whether a media type is played at all: by an element, or by hls.js. */
  const plays = ({ type, hls }) =>
    hls
      ? MediaSource.isTypeSupported(type)
      : document.createElement("video").canPlayType(type) !== "";

  return { play, plays, watch };
})();
