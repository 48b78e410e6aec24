// Program that makes Pion a peer of the tests.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	// Without /v3: Debian's packages are a GOPATH, where the version is the folder's own.
	"github.com/pion/webrtc"
)

// The version of Pion, set by the linker: a GOPATH does not know it.
var version = "unknown"

type command struct {
	Do          string                    `json:"do"`
	Description webrtc.SessionDescription `json:"description"`
	Candidate   webrtc.ICECandidateInit   `json:"candidate"`
	Label       string                    `json:"label"`
	ICERestart  bool                      `json:"iceRestart"`
}

// Opus that is silent.
const interval, samples = 20 * time.Millisecond, 960

var silence = []byte{0xf8, 0xff, 0xfe}

type peer struct {
	connection   *webrtc.PeerConnection
	said         chan map[string]any
	audioPackets int64
	arrivals     arrivals
	prepared     bool
	added        []*webrtc.RTPSender
}

func (p *peer) say(what string, fields map[string]any) {
	fields["say"] = what
	p.said <- fields
}

func (p *peer) listen() {
	p.connection.OnICECandidate(func(candidate *webrtc.ICECandidate) {
		if candidate != nil {
			p.say("candidate", map[string]any{"candidate": candidate.ToJSON()})
		}
	})
	p.connection.OnDataChannel(echo)
	p.connection.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			p.arrivals.note(packet.SequenceNumber)
			atomic.AddInt64(&p.audioPackets, 1)
		}
	})
}

func echo(channel *webrtc.DataChannel) {
	channel.OnMessage(func(message webrtc.DataChannelMessage) {
		if message.IsString {
			_ = channel.SendText(string(message.Data))
		} else {
			_ = channel.Send(message.Data)
		}
	})
}

// send starts a track that is in the descriptions from the next one on.
func (p *peer) send() error {
	opus := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}
	name := fmt.Sprintf("audio%d", len(p.added))
	track, err := webrtc.NewTrackLocalStaticRTP(opus, name, "peer")
	if err != nil {
		return err
	}
	sender, err := p.connection.AddTrack(track)
	if err != nil {
		return err
	}
	p.added = append(p.added, sender)
	go func() {
		// A ticker leaves out what it is late for; the times of the packets are told by their number.
		start, sent := time.Now(), 0
		for range time.Tick(interval / 2) {
			for ; time.Duration(sent)*interval < time.Since(start); sent++ {
				header := rtp.Header{
					Version: 2, SequenceNumber: uint16(sent), Timestamp: uint32(sent * samples),
				}
				_ = track.WriteRTP(&rtp.Packet{Header: header, Payload: silence})
			}
		}
	}()
	return nil
}

// unsend removes the track that was added last, from the next description on.
func (p *peer) unsend() error {
	last := len(p.added) - 1
	sender := p.added[last]
	p.added = p.added[:last]
	return p.connection.RemoveTrack(sender)
}

func (p *peer) channel(label string) error {
	channel, err := p.connection.CreateDataChannel(label, nil)
	if err == nil {
		echo(channel)
	}
	return err
}

func (p *peer) prepare() error {
	first := !p.prepared && p.connection.RemoteDescription() == nil
	p.prepared = true
	if !first {
		return nil
	}
	if len(p.connection.GetTransceivers()) == 0 {
		if _, err := p.connection.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio); err != nil {
			return err
		}
	}
	return p.channel("echo")
}

func (p *peer) offer(iceRestart bool) error {
	if err := p.prepare(); err != nil {
		return err
	}
	description, err := p.connection.CreateOffer(&webrtc.OfferOptions{ICERestart: iceRestart})
	if err != nil {
		return err
	}
	return p.describe(description)
}

func (p *peer) take(description webrtc.SessionDescription) error {
	if err := p.connection.SetRemoteDescription(description); err != nil {
		return err
	}
	if description.Type != webrtc.SDPTypeOffer {
		return nil
	}
	answer, err := p.connection.CreateAnswer(nil)
	if err != nil {
		return err
	}
	return p.describe(answer)
}

func (p *peer) describe(description webrtc.SessionDescription) error {
	if err := p.connection.SetLocalDescription(description); err != nil {
		return err
	}
	p.say("description", map[string]any{"description": description})
	return nil
}

func (p *peer) obey(order command) error {
	switch order.Do {
	case "send":
		return p.send()
	case "unsend":
		return p.unsend()
	case "close":
		return p.connection.Close()
	case "channel":
		return p.channel(order.Label)
	case "offer":
		return p.offer(order.ICERestart)
	case "take":
		return p.take(order.Description)
	case "candidate":
		return p.connection.AddICECandidate(order.Candidate)
	case "reset":
		p.arrivals.reset()
		p.say("reset", map[string]any{})
		return nil
	case "report":
		p.say("report", map[string]any{
			"audioPackets": atomic.LoadInt64(&p.audioPackets),
			"transport":    map[string]any{},
			"arrivals":     p.arrivals.report(),
			"inbound":      map[string]any{},
			"pair":         []any{},
		})
		return nil
	default:
		return fmt.Errorf("no such command: %q", order.Do)
	}
}

func main() {
	connection, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		panic(err)
	}
	p := &peer{connection: connection, said: make(chan map[string]any, 64)}
	go func() {
		encoder := json.NewEncoder(os.Stdout)
		for fields := range p.said {
			_ = encoder.Encode(fields)
		}
	}()
	p.listen()
	p.say("ready", map[string]any{"version": version})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var order command
		err := json.Unmarshal(lines.Bytes(), &order)
		if err == nil {
			err = p.obey(order)
		}
		if err != nil {
			p.say("error", map[string]any{"text": err.Error()})
		}
	}
}
