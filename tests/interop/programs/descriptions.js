// What a browser makes of descriptions with something changed (tests/support/descriptions).
"use strict";

globalThis.judge = (() => {
  const KINDS = ["audio", "video"];

  function changed(text, edits) {
    for (const [pattern, replacement, once] of edits) {
      if (!new RegExp(pattern, "m").test(text)) throw new Error(`${pattern} is not in ${text}`);
      text = text.replace(new RegExp(pattern, once ? "m" : "gm"), () => replacement);
    }
    return text;
  }

  function hasRejected(sdp) {
    const sections = sdp.split("\r\nm=").slice(1);
    return sections.some((each) => each.split(" ")[1] === "0" && !each.includes("a=bundle-only"));
  }

  async function answered(one, other, { edits }) {
    KINDS.forEach((kind) => one.addTransceiver(kind));
    one.createDataChannel("data");
    await one.setLocalDescription();
    await other.setRemoteDescription(one.localDescription);
    await other.setLocalDescription();
    const sdp = changed(other.localDescription.sdp, edits);
    return async () => {
      await one.setRemoteDescription({ type: "answer", sdp });
      const agreed = one.getTransceivers().filter(({ currentDirection }) => currentDirection);
      return agreed.length === KINDS.length;
    };
  }

  async function offered(one, { texts }) {
    const take = async (sdp) => {
      await one.setRemoteDescription({ type: "offer", sdp });
      await one.setLocalDescription();
      return !hasRejected(one.localDescription.sdp);
    };
    for (const text of texts.slice(0, -1)) await take(text);
    return () => take(texts.at(-1));
  }

  return async (trials) => {
    const verdicts = [];
    for (const trial of trials) {
      const [one, other] = [new RTCPeerConnection(), new RTCPeerConnection()];
      const take = await (trial.texts ? offered(one, trial) : answered(one, other, trial));
      verdicts.push(
        await take().then(
          (whole) => (whole ? "taken" : "an m-section is closed"),
          () => "refused",
        ),
      );
      one.close();
      other.close();
    }
    return verdicts;
  };
})();
