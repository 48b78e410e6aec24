package main

import (
	"sync"
	"time"
)

// arrivals counts the RTP packets of one stream.
type arrivals struct {
	mutex          sync.Mutex
	count, doubled int64
	longestGap     time.Duration
	last           time.Time
	seen           map[int64]bool
	first, highest int64
	started        bool
}

// reset counts anew; what is lost or late from now on shows, what comes after a pause as well.
func (a *arrivals) reset() {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.count, a.doubled, a.longestGap = 0, 0, 0
	a.seen = map[int64]bool{}
	a.first = a.highest + 1
	if a.started {
		a.last = time.Now()
	}
}

func (a *arrivals) note(sequence uint16) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	now := time.Now()
	if !a.started {
		a.started, a.last, a.seen = true, now, map[int64]bool{}
		a.first, a.highest = int64(sequence), int64(sequence)
	}
	a.count++
	a.longestGap = max(a.longestGap, now.Sub(a.last))
	a.last = now
	// RFC 3550 appendix A.1: the nearest number that has these 16 bits.
	number := a.highest + int64(int16(sequence-uint16(a.highest)))
	if number < a.first {
		return
	}
	if a.seen[number] {
		a.doubled++
	}
	a.seen[number] = true
	if number > a.highest {
		a.highest = number
	}
}

func (a *arrivals) report() map[string]any {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	report := map[string]any{"count": a.count, "lost": 0, "doubled": a.doubled, "longestGap": 0}
	if a.started {
		report["lost"] = a.highest - a.first + 1 - int64(len(a.seen))
		gap := max(a.longestGap, time.Since(a.last))
		report["longestGap"] = float64(gap) / float64(time.Millisecond)
	}
	return report
}

// Debian's Go may be older than the max of the language.
func max(one, other time.Duration) time.Duration {
	if one > other {
		return one
	}
	return other
}
