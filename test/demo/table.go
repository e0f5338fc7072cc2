package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gateway-cp/gateway-cp/test/harness"
)

// judge fails the demo when a request failed or shares are not those asked for.
func (d *demo) judge(samples harness.Samples) {
	if text := samples.Failures(); text != "" {
		d.Errorf("%d requests failed:\n%s", len(samples.Failed()), text)
	}
	for _, p := range d.phases {
		if err := harness.Split(samples.Within(p.settled, p.ended).Versions(), p.shares); err != nil {
			d.Errorf("%s: %v", p.title, err)
		}
	}
	if rate := samples.Rate(); rate < 1000 {
		d.Errorf("the load was only %.0f requests a second: this machine is too busy to show anything", rate)
	}
}

// table prints what happened.
func (d *demo) table(to io.Writer, samples harness.Samples) {
	t := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")+"\t") }
	fmt.Fprintln(to)
	row("", "requests", "failed", "asked blue/green", "got blue/green", "p50", "p99")
	for n, p := range d.phases {
		// From the end of the one before: what ends between two acts is nobody's otherwise.
		from := p.began
		if n > 0 {
			from = d.phases[n-1].ended
		}
		until := samples.EndedIn(from, p.ended)
		settled := samples.Within(p.settled, p.ended)
		row(p.title, thousands(len(until)), fmt.Sprint(len(until.Failed())),
			fmt.Sprintf("%.0f/%.0f %%", 100*p.shares["blue"], 100*p.shares["green"]),
			fmt.Sprintf("%.1f/%.1f %%", share(settled, "blue"), share(settled, "green")), latency(until, 0.5), latency(until, 0.99))
	}
	row("", "", "", "", "", "", "")
	for _, s := range d.streams() {
		x := samples.Of(s.Name)
		row(s.Name, thousands(len(x)), fmt.Sprint(len(x.Failed())), "", "", latency(x, 0.5), latency(x, 0.99))
	}
	row(fmt.Sprintf("all, %.0f a second", samples.Rate()), thousands(len(samples)), fmt.Sprint(len(samples.Failed())), "", "",
		latency(samples, 0.5), latency(samples, 0.99))
	_ = t.Flush()
	fmt.Fprintln(to, "\nFrom the write of the file to the last request answered by the version before:")
	for _, f := range d.flips {
		fmt.Fprintf(to, "  %s: %s\n", f.title, f.took(samples, d.endOf(f.title)))
	}
}

func (d *demo) endOf(title string) time.Time {
	for _, p := range d.phases {
		if p.title == title {
			return p.ended
		}
	}
	return time.Time{}
}

func share(s harness.Samples, version string) float64 {
	if len(s) == 0 {
		return 0
	}
	return 100 * float64(s.Versions()[version]) / float64(len(s))
}

func latency(s harness.Samples, q float64) string {
	return fmt.Sprintf("%.1f ms", float64(s.Quantile(q).Microseconds())/1000)
}

// thousands writes a number as people read it.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
