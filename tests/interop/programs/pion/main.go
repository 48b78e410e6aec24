// Owns Pion as a peer.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"

	// Without /v3: Debian's packages are a GOPATH, where the version is the folder's own.
	"github.com/pion/webrtc"
)

// The version of Pion, set by the linker: a GOPATH does not know it.
var version = "unknown"

type command struct {
	Do          string                    `json:"do"`
	Description webrtc.SessionDescription `json:"description"`
	Candidate   webrtc.ICECandidateInit   `json:"candidate"`
}

type peer struct {
	connection   *webrtc.PeerConnection
	said         chan map[string]any
	audioPackets int64
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
			if _, _, err := track.ReadRTP(); err != nil {
				return
			}
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

func (p *peer) offer() error {
	if _, err := p.connection.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio); err != nil {
		return err
	}
	channel, err := p.connection.CreateDataChannel("echo", nil)
	if err != nil {
		return err
	}
	echo(channel)
	description, err := p.connection.CreateOffer(nil)
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
	case "offer":
		return p.offer()
	case "take":
		return p.take(order.Description)
	case "candidate":
		return p.connection.AddICECandidate(order.Candidate)
	case "report":
		packets := atomic.LoadInt64(&p.audioPackets)
		p.say("report", map[string]any{"audioPackets": packets, "transport": map[string]any{}})
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
