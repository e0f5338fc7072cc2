package traffic

// EachOldOrigin calls f with every field of the old side that the difference names, so that
// positions can be filled in.
func (d *Difference) EachOldOrigin(f func(*Origin)) { d.each(f, true) }

// EachNewOrigin does so for the new side.
func (d *Difference) EachNewOrigin(f func(*Origin)) { d.each(f, false) }

func (d *Difference) each(f func(*Origin), old bool) {
	for i := range d.Listeners {
		each(d.Listeners[i].side(old), f)
	}
	for i := range d.Routes {
		c := &d.Routes[i]
		outcomes, from := c.Now, c.NowFrom
		if old {
			outcomes, from = c.Was, c.WasFrom
		}
		if from != nil {
			f(from)
		}
		(&Explanation{Outcomes: outcomes}).EachOrigin(f)
	}
	for i := range d.Clusters {
		if !old {
			each(d.Clusters[i].From, f)
		}
	}
	for i := range d.Certificates {
		if !old {
			each(d.Certificates[i].From, f)
		}
	}
}

func (c *ListenerChange) side(old bool) []Origin {
	if old {
		return c.WasFrom
	}
	return c.NowFrom
}

func each(all []Origin, f func(*Origin)) {
	for i := range all {
		f(&all[i])
	}
}
