// A SIP phone in a page, of JsSIP or SIP.js, for tests/support/browser/sip_page.py:
// `phone = await start("jssip", {url, address, secret, incoming})`.

/** What a phone does with calls that come in. */
const ANSWER = "answer";
const EARLY = "early";

const MEDIA = { audio: true, video: { width: 160, height: 120, frameRate: 15 } };

class Phone {
  constructor() {
    /** What has happened, in order: ringing, early, confirmed, held, resumed, dtmf 1, ended ... */
    this.told = [];
    this.connection = undefined;
    this.stream = undefined;
  }

  tell(...words) {
    this.told.push(words.join(" "));
  }

  /** Counts packets that have come, by kind. */
  async received() {
    const counts = { audio: 0, video: 0 };
    for (const report of (await this.connection?.getStats())?.values() ?? []) {
      if (report.type === "inbound-rtp") counts[report.kind] += report.packetsReceived;
    }
    return counts;
  }
}

class JsSipPhone extends Phone {
  async start({ url, address, secret, incoming }) {
    const { default: JsSIP } = await import("/jssip.js");
    const sockets = [new JsSIP.WebSocketInterface(url)];
    this.agent = new JsSIP.UA({ sockets, uri: address, password: secret, register: true });
    this.incoming = incoming;
    this.agent.on("newRTCSession", ({ session }) => this.take(session));
    await new Promise((resolve, reject) => {
      this.agent.on("registered", resolve);
      this.agent.on("registrationFailed", ({ cause }) => reject(new Error(cause)));
      this.agent.start();
    });
  }

  take(session) {
    this.session = session;
    session.on("progress", () => this.tell("ringing"));
    session.on("confirmed", () => this.tell("confirmed"));
    session.on("hold", ({ originator }) => this.tell("held", originator));
    session.on("unhold", ({ originator }) => this.tell("resumed", originator));
    session.on("newDTMF", ({ originator, dtmf }) => this.tell("dtmf", originator, dtmf.tone));
    session.on("ended", ({ cause }) => this.tell("ended", cause));
    session.on("failed", ({ cause }) => this.tell("failed", cause));
    session.on("peerconnection", ({ peerconnection }) => (this.connection = peerconnection));
    if (session.direction === "incoming" && this.incoming === ANSWER) this.answer();
    else if (session.connection) this.connection = session.connection;
  }

  answer() {
    this.session.answer({ mediaStream: this.stream });
  }

  call(target) {
    this.agent.call(target, { mediaStream: this.stream });
  }

  hangUp() {
    this.session.terminate();
  }

  hold() {
    this.session.hold();
  }

  resume() {
    this.session.unhold();
  }

  dtmf(tones, byInfo) {
    const transportType = byInfo ? "INFO" : "RFC2833";
    this.session.sendDTMF(tones, { duration: 100, interToneGap: 100, transportType });
  }

  refer(target) {
    this.session.refer(target, { eventHandlers: { accepted: () => this.tell("transferred") } });
  }
}

class SipJsPhone extends Phone {
  async start({ url, address, secret, incoming }) {
    const SIP = await import("/sipjs.js");
    this.SIP = SIP;
    this.incoming = incoming;
    this.agent = new SIP.UserAgent({
      uri: SIP.UserAgent.makeURI(address),
      transportOptions: { server: url },
      authorizationUsername: address.replace(/^sip:|@.*$/g, ""),
      authorizationPassword: secret,
      sipExtension100rel: SIP.SIPExtension.Supported,
      sessionDescriptionHandlerFactory: SIP.Web.defaultSessionDescriptionHandlerFactory(
        async () => this.stream,
      ),
      logLevel: "error",
      delegate: { onInvite: (invitation) => this.take(invitation) },
    });
    await this.agent.start();
    const registerer = new SIP.Registerer(this.agent);
    await new Promise((resolve, reject) => {
      registerer.stateChange.addListener((state) => {
        if (state === SIP.RegistererState.Registered) resolve();
      });
      registerer.register({
        requestDelegate: {
          onReject: ({ message }) => reject(new Error(`refused with ${message.statusCode}`)),
        },
      });
    });
  }

  take(session) {
    this.session = session;
    session.stateChange.addListener((state) => {
      if (state === "Established") this.tell("confirmed");
      if (state === "Terminated") this.tell("ended");
    });
    session.delegate = {
      onSessionDescriptionHandler: (handler) => (this.connection = handler.peerConnection),
      onInfo: (info) => {
        this.tell("dtmf", "remote", info.request.body.match(/Signal=\s*(\S+)/)?.[1]);
        info.accept();
      },
    };
    if (!(session instanceof this.SIP.Invitation)) return;
    if (this.incoming === ANSWER) this.answer();
    if (this.incoming === EARLY) session.progress({ statusCode: 183, rel100: true });
  }

  answer() {
    this.session.accept();
  }

  call(target) {
    const to = this.SIP.UserAgent.makeURI(target);
    this.take(new this.SIP.Inviter(this.agent, to, { earlyMedia: true }));
    this.session.invite({ requestDelegate: { onProgress: () => this.tell("ringing") } });
  }

  hangUp() {
    if (this.session.state === "Established") this.session.bye();
    else if (this.session instanceof this.SIP.Inviter) this.session.cancel();
    else this.session.reject();
  }
}

/** Registers a phone, and returns it; `media` false for a phone without camera. */
export async function start(library, options) {
  const phone = library === "jssip" ? new JsSipPhone() : new SipJsPhone();
  phone.stream = await navigator.mediaDevices.getUserMedia(MEDIA);
  await phone.start(options);
  return phone;
}
