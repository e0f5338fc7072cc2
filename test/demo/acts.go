package main

import (
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// act is one thing that is done to the world under load, and what traffic shall look like after.
type act struct {
	title  string
	do     func()
	shares map[string]float64
	// lasts is how long the load runs on after it, for the shares to be measured.
	lasts time.Duration
	// flipTo is the version that gets everything; the act ends when the other has no traffic.
	flipTo string
}

// phase is an act that was played: the samples from settled to ended are to have the shares.
type phase struct {
	act
	began, settled, ended time.Time
}

// flip is a measured flip.
type flip struct {
	title string
	from  string
	began time.Time
}

func (d *demo) acts() []act {
	all := func(version string) map[string]float64 {
		shares := map[string]float64{"blue": 0, "green": 0}
		shares[version] = 1
		return shares
	}
	return []act{
		{title: "weights 100/0", do: func() {}, shares: all("blue"), lasts: 3 * time.Second},
		{title: "weights 90/10", do: func() { d.writeTraffic(90, 10); d.awaitAnswer("green") },
			shares: map[string]float64{"blue": 0.9, "green": 0.1}, lasts: 6 * time.Second},
		{title: "flip to green", do: func() { d.writeActive("green") }, flipTo: "green", shares: all("green"), lasts: 2 * time.Second},
		{title: "and back to blue", do: func() { d.writeActive("blue") }, flipTo: "blue", shares: all("blue"), lasts: 2 * time.Second},
		{title: "two processes of blue more", do: func() {
			d.addEndpoint("blue")
			d.addEndpoint("blue")
			d.awaitEndpoints("blue")
		}, shares: all("blue"), lasts: 2 * time.Second},
		{title: "two processes of blue less", do: func() {
			d.removeEndpoint("blue")
			d.removeEndpoint("blue")
		}, shares: all("blue"), lasts: 2 * time.Second},
		// It lasts until gateway-cp trusts again that the Envoys that are there are all there are.
		{title: "kill -9 gateway-cp, restart", do: d.killControlPlane, shares: all("blue"), lasts: 5 * time.Second},
		{title: "flip to green again", do: func() { d.writeActive("green") }, flipTo: "green", shares: all("green"), lasts: 3 * time.Second},
	}
}

// play does an act and lets the load run.
func (d *demo) play(a act) {
	p := phase{act: a, began: time.Now()}
	d.stage.say("%s", a.title)
	a.do()
	if a.flipTo != "" {
		d.awaitFlip(p)
	}
	d.inSync()
	d.pause(settle)
	p.settled = time.Now()
	d.pause(a.lasts)
	p.ended = time.Now()
	d.phases = append(d.phases, p)
}

// awaitFlip waits until the other version has had no answer for a while.
func (d *demo) awaitFlip(p phase) {
	from := map[string]string{"green": "blue", "blue": "green"}[p.flipTo]
	d.Await("the flip to "+p.flipTo, 30*time.Second, d.answered(p.flipTo, p.began))
	d.pause(settle)
	f := flip{title: p.title, from: from, began: p.began}
	d.flips = append(d.flips, f)
	d.stage.say("    %s answered for the last time %s after the file was written", from, f.took(d.load.Samples(), time.Now()))
}

// took is the time from the file's write to the last answer of the version before.
func (f flip) took(s harness.Samples, until time.Time) time.Duration {
	last := s.Within(time.Time{}, until).Last(f.from)
	return max(last.Sub(f.began), 0).Round(time.Millisecond)
}

// awaitAnswer waits until a version has answered something from now on.
func (d *demo) awaitAnswer(version string) {
	d.Await("an answer from "+version, 10*time.Second, d.answered(version, time.Now()))
}

// answered is a check: the version has answered a request that began after a moment.
func (d *demo) answered(version string, after time.Time) func() error {
	return func() error {
		d.stage.progress("%s requests, %d failed", thousands(int(d.load.Sent())), d.load.Failed())
		return d.load.Samples().AnsweredBy("", version, after)
	}
}
