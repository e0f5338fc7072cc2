// Package calendar says when freeze windows are: v1alpha1.FreezeWindow.
//
// In: windows and a moment. Out: whether one of them is open, and when that changes. It is pure, and
// brings the time zones along, so that every machine has the same.
//
// Everything is reckoned on the clock on the wall. A time that there is twice, when clocks go back, begins
// a window the first time and ends one the second time. One that there is not, when they go forward, begins a window by the
// offset that gives the earlier moment and ends one by the other. So a change of the clocks skips no window, and makes none shorter.
package calendar

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // an image without any has no zones otherwise

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/robfig/cron/v3"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

// State is how windows are at a moment.
type State struct {
	// Open is the window that is open; nil: none is.
	Open *v1alpha1.FreezeWindow
	// Until is when that may change: when all windows that follow without a gap (at most 100) are over or, with
	// none open, when the next one begins. Zero: not within two years.
	Until time.Time
}

const (
	horizon    = 2 * 366 * 24 * time.Hour // how far is looked ahead
	longest    = 366 * 24 * time.Hour     // how long a window may last
	mostJoined = 100                      // how many windows that follow each other are one wait
)

// At says how windows are at a moment. Those that cannot be read (admission refuses them) are left out.
func At(windows []v1alpha1.FreezeWindow, now time.Time) State {
	var s State
	end := now
	for range mostJoined {
		joined := false
		for i := range windows {
			w, err := read(windows[i])
			if err != nil {
				continue
			}
			if until, open := w.open(end); open && until.After(end) {
				if s.Open == nil {
					s.Open = &windows[i]
				}
				end, joined = until, true
			}
		}
		if !joined {
			break
		}
	}
	if s.Until = end; s.Open == nil {
		s.Until = next(windows, now)
	}
	return s
}

// next is when the first window begins after now.
func next(windows []v1alpha1.FreezeWindow, now time.Time) (first time.Time) {
	for i := range windows {
		w, err := read(windows[i])
		if err != nil {
			continue
		}
		if at := w.next(now); !at.IsZero() && at.Sub(now) < horizon && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// FieldError is what is wrong with a field of a window.
type FieldError struct {
	Field string
	err   error
}

func (e *FieldError) Error() string { return e.err.Error() }

// Check says what is wrong with a window; the error is a FieldError.
func Check(w v1alpha1.FreezeWindow) error {
	_, err := read(w)
	return err
}

// window is a FreezeWindow, read. Times are on the wall: in UTC, whatever the zone.
type window struct {
	zone     *time.Location
	schedule cron.Schedule // nil: once
	lasts    time.Duration
	from, to time.Time
}

// known are windows that were read, and how: reading takes long, and rollouts ask every second.
var known, _ = lru.New[key, reading](1000)

type reading struct {
	window
	err error
}

// key is a FreezeWindow as what can be compared.
type key struct {
	schedule, from, to, zone string
	lasts                    time.Duration
}

func read(w v1alpha1.FreezeWindow) (window, error) {
	k := key{schedule: w.Schedule, from: w.From, to: w.To, zone: w.TimeZone}
	if w.Duration != nil {
		k.lasts = w.Duration.Duration
	}
	r, ok := known.Get(k)
	if !ok {
		r.window, r.err = k.read()
		known.Add(k, r)
	}
	return r.window, r.err
}

func (k key) read() (w window, err error) {
	wrong := func(field, format string, args ...any) (window, error) {
		return window{}, &FieldError{Field: field, err: fmt.Errorf(format, args...)}
	}
	if k.zone == "Local" {
		return wrong("timeZone", "Local is another one on every machine")
	}
	if w.zone, err = time.LoadLocation(k.zone); err != nil {
		return wrong("timeZone", "there is no time zone %q", k.zone)
	}
	if k.schedule == "" {
		if w.from, err = onTheWall(k.from); err != nil {
			return wrong("from", "%w", err)
		}
		if w.to, err = onTheWall(k.to); err != nil {
			return wrong("to", "%w", err)
		}
		if !w.to.After(w.from) {
			return wrong("to", "%s is not after %s", k.to, k.from)
		}
		return w, nil
	}
	w.lasts = k.lasts
	if strings.Contains(k.schedule, "TZ=") {
		return wrong("schedule", "a time zone belongs into timeZone")
	}
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	if w.schedule, err = parser.Parse(k.schedule); err != nil {
		return wrong("schedule", "%w", err)
	}
	begun := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	switch {
	case w.lasts < time.Minute:
		return wrong("duration", "%s is less than a minute", w.lasts)
	case w.lasts > longest:
		return wrong("duration", "%s is more than a year", w.lasts)
	case w.schedule.Next(begun).IsZero():
		return wrong("schedule", "there is no such day in five years")
	}
	at := begun
	for range mostBegun {
		if at = w.schedule.Next(at); at.Sub(begun) > w.lasts {
			return w, nil
		}
	}
	return wrong("schedule", "it begins anew more than %d times while it lasts", mostBegun)
}

// mostBegun bounds how often a window begins while it lasts: all of these are looked at.
const mostBegun = 1000

var errTime = errors.New("is neither a day such as 2026-12-20 nor a minute such as 2026-12-20T18:00")

func onTheWall(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q %w", text, errTime)
}

// mostChanged is more than clocks are ever changed by.
const mostChanged = 26 * time.Hour

// slack is by how much a time on the wall may be off about a moment: not at all, unless the clocks are changed nearby.
func (w window) slack(now time.Time) time.Duration {
	is := w.offset(now)
	if w.offset(now.Add(-mostChanged)) == is && w.offset(now.Add(mostChanged)) == is {
		return time.Minute
	}
	return mostChanged
}

func (w window) offset(at time.Time) time.Duration {
	_, seconds := at.In(w.zone).Zone()
	return time.Duration(seconds) * time.Second
}

// wall is what the clock on the wall shows.
func (w window) wall(t time.Time) time.Time {
	t = t.In(w.zone)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// begins and ends are the first and the last moment at which the clock on the wall shows a time, or would have to.
func (w window) begins(wall time.Time) time.Time {
	a, b := w.moments(wall)
	if b.Before(a) {
		return b
	}
	return a
}

func (w window) ends(wall time.Time) time.Time {
	a, b := w.moments(wall)
	if b.After(a) {
		return b
	}
	return a
}

// moments gives the moments at which the clock on the wall shows a time, which may be the same. Of a time that it never
// shows, they are those by the offsets before and after.
func (w window) moments(wall time.Time) (time.Time, time.Time) {
	about := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, w.zone)
	before, after := wall.Add(-w.offset(about.Add(-mostChanged))), wall.Add(-w.offset(about.Add(mostChanged)))
	switch was, is := w.wall(before).Equal(wall), w.wall(after).Equal(wall); {
	case was && !is:
		return before, before
	case is && !was:
		return after, after
	}
	return before, after
}

// open says whether the window is open at a moment, and until when.
func (w window) open(now time.Time) (until time.Time, open bool) {
	consider := func(from, to time.Time) {
		if end := w.ends(to); !w.begins(from).After(now) && now.Before(end) && end.After(until) {
			until, open = end, true
		}
	}
	if w.schedule == nil {
		consider(w.from, w.to)
		return until, open
	}
	wall, slack := w.wall(now), w.slack(now)
	for at := w.schedule.Next(wall.Add(-w.lasts - slack)); !at.IsZero() && at.Before(wall.Add(slack)); at = w.schedule.Next(at) {
		consider(at, at.Add(w.lasts))
	}
	return until, open
}

// next is when it begins after a moment; zero: never.
func (w window) next(now time.Time) time.Time {
	if w.schedule == nil {
		if at := w.begins(w.from); at.After(now) {
			return at
		}
		return time.Time{}
	}
	for at := w.schedule.Next(w.wall(now).Add(-w.slack(now))); !at.IsZero(); at = w.schedule.Next(at) {
		if begins := w.begins(at); begins.After(now) {
			return begins
		}
	}
	return time.Time{}
}
