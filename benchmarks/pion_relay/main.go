// Pion's side of benchmarks/relay.py: sends the packets of a source on to its sinks, as they come.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"sync"
	"syscall"

	// Without /v3: Debian's packages are a GOPATH, where the version is the folder's own.
	"github.com/pion/webrtc"
)

type request struct {
	Do    string `json:"do"`
	Offer string `json:"offer"`
	Room  int    `json:"room"`
}

var (
	mutex sync.Mutex
	rooms []*webrtc.TrackLocalStaticRTP
	kept  []*webrtc.PeerConnection
)

// forward sends what comes on by the room's track, which every sink has.
func forward(room *webrtc.TrackLocalStaticRTP, source *webrtc.TrackRemote) {
	buffer := make([]byte, 1500)
	for {
		size, _, err := source.Read(buffer)
		if err != nil {
			return
		}
		_, _ = room.Write(buffer[:size])
	}
}

func answered(offer string, prepare func(*webrtc.PeerConnection) error) (string, error) {
	connection, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	kept = append(kept, connection)
	if err := prepare(connection); err != nil {
		return "", err
	}
	remote := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}
	if err := connection.SetRemoteDescription(remote); err != nil {
		return "", err
	}
	answer, err := connection.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(connection)
	if err := connection.SetLocalDescription(answer); err != nil {
		return "", err
	}
	<-gathered
	return connection.LocalDescription().SDP, nil
}

func source(connection *webrtc.PeerConnection) error {
	vp8 := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}
	room, err := webrtc.NewTrackLocalStaticRTP(vp8, "video", "relay")
	if err != nil {
		return err
	}
	mutex.Lock()
	rooms = append(rooms, room)
	mutex.Unlock()
	connection.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		forward(room, track)
	})
	return nil
}

func sink(room int) func(*webrtc.PeerConnection) error {
	return func(connection *webrtc.PeerConnection) error {
		mutex.Lock()
		defer mutex.Unlock()
		sender, err := connection.AddTrack(rooms[room])
		if err != nil {
			return err
		}
		// RTCP is handled as it is read.
		go func() {
			buffer := make([]byte, 1500)
			for {
				if _, _, err := sender.Read(buffer); err != nil {
					return
				}
			}
		}()
		return nil
	}
}

func processor() float64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	seconds := func(time syscall.Timeval) float64 { return float64(time.Sec) + float64(time.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}

func obey(order request) (map[string]any, error) {
	prepare := source
	switch order.Do {
	case "source":
	case "sink":
		prepare = sink(order.Room)
	default:
		return map[string]any{"frames": 0, "processor": processor()}, nil
	}
	answer, err := answered(order.Offer, prepare)
	return map[string]any{"answer": answer}, err
}

func main() {
	encoder := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var order request
		err := json.Unmarshal(lines.Bytes(), &order)
		said := map[string]any{}
		if err == nil {
			said, err = obey(order)
		}
		if err != nil {
			panic(err)
		}
		_ = encoder.Encode(said)
	}
}
