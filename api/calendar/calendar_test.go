package calendar

import (
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/gateway-cp/gateway-cp/api/v1alpha1"
)

func every(schedule string, lasts time.Duration, zone string) v1alpha1.FreezeWindow {
	return v1alpha1.FreezeWindow{Name: "w", Schedule: schedule, Duration: &metav1.Duration{Duration: lasts}, TimeZone: zone}
}

func once(from, to, zone string) v1alpha1.FreezeWindow {
	return v1alpha1.FreezeWindow{Name: "w", From: from, To: to, TimeZone: zone}
}

// In Berlin, clocks go from 02:00 to 03:00 on 2026-03-29, and from 03:00 to 02:00 on 2026-10-25.
func TestWindows(t *testing.T) {
	const berlin = "Europe/Berlin"
	weekend := every("0 18 * * FRI", 62*time.Hour, berlin)
	for _, c := range []struct {
		name    string
		windows []v1alpha1.FreezeWindow
		now     string
		open    bool
		until   string // empty: never
	}{
		{"before", []v1alpha1.FreezeWindow{weekend}, "2026-01-02T16:59:59Z", false, "2026-01-02T17:00:00Z"},
		{"begins", []v1alpha1.FreezeWindow{weekend}, "2026-01-02T17:00:00Z", true, "2026-01-05T07:00:00Z"},
		{"in it", []v1alpha1.FreezeWindow{weekend}, "2026-01-04T12:00:00Z", true, "2026-01-05T07:00:00Z"},
		{"ends", []v1alpha1.FreezeWindow{weekend}, "2026-01-05T07:00:00Z", false, "2026-01-09T17:00:00Z"},
		{"clocks go forward in it: Monday at 08:00 all the same", []v1alpha1.FreezeWindow{weekend}, "2026-03-28T12:00:00Z", true, "2026-03-30T06:00:00Z"},
		{"clocks go back in it", []v1alpha1.FreezeWindow{weekend}, "2026-10-24T12:00:00Z", true, "2026-10-26T07:00:00Z"},
		{"begins at a time that there is not", []v1alpha1.FreezeWindow{every("30 2 * * *", time.Hour, berlin)}, "2026-03-29T01:15:00Z", true, "2026-03-29T01:30:00Z"},
		{"all of it is at times that there are not", []v1alpha1.FreezeWindow{every("0 2 * * *", 30*time.Minute, berlin)}, "2026-03-29T01:10:00Z", true, "2026-03-29T01:30:00Z"},
		{"begins at a time that there is twice: the first time", []v1alpha1.FreezeWindow{every("30 2 * * *", time.Hour, berlin)}, "2026-10-25T00:45:00Z", true, "2026-10-25T02:30:00Z"},
		{"ends at a time that there is twice: the second time", []v1alpha1.FreezeWindow{every("30 1 * * *", time.Hour, berlin)}, "2026-10-25T01:15:00Z", true, "2026-10-25T01:30:00Z"},
		{"from and to", []v1alpha1.FreezeWindow{once("2026-12-20T18:00", "2027-01-03", berlin)}, "2026-12-20T17:00:00Z", true, "2027-01-02T23:00:00Z"},
		{"is over", []v1alpha1.FreezeWindow{once("2026-12-20T18:00", "2027-01-03", berlin)}, "2027-01-02T23:00:00Z", false, ""},
		{"UTC", []v1alpha1.FreezeWindow{once("2026-12-20", "2026-12-21", "")}, "2026-12-19T23:59:59Z", false, "2026-12-20T00:00:00Z"},
		{"one after the other", []v1alpha1.FreezeWindow{every("0 0 * * SAT", 24*time.Hour, ""), every("0 0 * * SUN", 24*time.Hour, "")}, "2026-01-03T12:00:00Z", true, "2026-01-05T00:00:00Z"},
		{"of two, the one that ends last", []v1alpha1.FreezeWindow{every("0 0 * * *", 24*time.Hour, ""), once("2026-01-01", "2026-06-01", "")}, "2026-01-03T12:00:00Z", true, "2026-06-10T00:00:00Z"},
		{"a leap day", []v1alpha1.FreezeWindow{every("0 0 29 2 *", 24*time.Hour, "")}, "2027-03-01T00:00:00Z", false, "2028-02-29T00:00:00Z"},
		{"Samoa left 2011-12-30 out", []v1alpha1.FreezeWindow{once("2011-12-29T12:00", "2011-12-31T12:00", "Pacific/Apia")}, "2011-12-30T11:00:00Z", true, "2011-12-30T22:00:00Z"},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		s := At(c.windows, now)
		until := ""
		if !s.Until.IsZero() {
			until = s.Until.UTC().Format(time.RFC3339)
		}
		if c.name == "of two, the one that ends last" { // windows without end: until then it is sure
			if s.Open == nil || s.Until.Before(now.Add(24*time.Hour*100)) {
				t.Errorf("%s: %+v", c.name, s)
			}
			continue
		}
		if (s.Open != nil) != c.open || until != c.until {
			t.Errorf("%s: open %v until %q, want %v until %q", c.name, s.Open != nil, until, c.open, c.until)
		}
	}
}

// At agrees with looking at every minute, in zones with all kinds of clocks.
func TestEveryMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom([]string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC", "Pacific/Apia"}).Draw(t, "zone")
		schedule := rapid.SampledFrom([]string{"30 2 * * *", "0 18 * * FRI", "15 1 * * SUN", "0 0 1 * *", "0 */6 * * *"}).Draw(t, "schedule")
		w := every(schedule, time.Duration(rapid.IntRange(1, 300).Draw(t, "minutes"))*time.Minute, zone)
		days := rapid.IntRange(0, 364).Draw(t, "day")
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(days*24*60+rapid.IntRange(0, 1439).Draw(t, "minute")) * time.Minute)
		s := At([]v1alpha1.FreezeWindow{w}, now)
		if s.Until.IsZero() || !s.Until.After(now) {
			t.Fatalf("%+v", s)
		}
		for at := now; at.Before(s.Until) && at.Before(now.Add(24*time.Hour)); at = at.Add(7 * time.Minute) {
			if (At([]v1alpha1.FreezeWindow{w}, at).Open != nil) != (s.Open != nil) {
				t.Fatalf("%s %s %s: %v at %v, not at %v", schedule, w.Duration.Duration, zone, s.Open != nil, now, at)
			}
		}
		if (At([]v1alpha1.FreezeWindow{w}, s.Until).Open != nil) == (s.Open != nil) {
			t.Fatalf("%s %s %s: nothing changes at %v", schedule, w.Duration.Duration, zone, s.Until)
		}
	})
}

func TestWrongWindows(t *testing.T) {
	for _, c := range []struct {
		w     v1alpha1.FreezeWindow
		field string
	}{
		{every("0 18 * * FRI", time.Hour, "Europe/Atlantis"), "timeZone"},
		{every("0 18 * * FRI", time.Hour, "Local"), "timeZone"},
		{every("0 25 * * *", time.Hour, ""), "schedule"},
		{every("* * *", time.Hour, ""), "schedule"},
		{every("TZ=UTC 0 18 * * *", time.Hour, ""), "schedule"},
		{every("0 0 31 2 *", time.Hour, ""), "schedule"},
		{every("* * * * *", 48*time.Hour, ""), "schedule"},
		{every("0 18 * * FRI", time.Second, ""), "duration"},
		{every("0 18 * * FRI", 9000*time.Hour, ""), "duration"},
		{once("2026-02-30", "2026-03-01", ""), "from"},
		{once("2026-02-01", "tomorrow", ""), "to"},
		{once("2026-02-02", "2026-02-02", ""), "to"},
	} {
		var wrong *FieldError
		if err := Check(c.w); !errors.As(err, &wrong) || wrong.Field != c.field {
			t.Errorf("%+v: %v, want it about %s", c.w, err, c.field)
		}
	}
}

func BenchmarkAt(b *testing.B) {
	windows := []v1alpha1.FreezeWindow{every("0 18 * * FRI", 62*time.Hour, "Europe/Berlin"), once("2026-12-20", "2027-01-03", "Europe/Berlin")}
	now := time.Date(2026, 6, 10, 12, 0, 0, 0, time.UTC)
	for b.Loop() {
		At(windows, now)
	}
}
