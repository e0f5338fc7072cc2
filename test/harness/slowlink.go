package harness

import (
	"io"
	"net"
	"time"
)

// SlowLink is a TCP proxy that behaves like a long, thin line: what goes in comes out later, and
// no faster than its rate.
type SlowLink struct {
	// Address is where to connect.
	Address string
	// Delay is how long every byte is under way, in each direction.
	Delay time.Duration
	// Rate is how much passes, in bytes a second, in each direction of each connection.
	Rate int

	to string
}

// SlowLink starts a proxy to an address at which nobody need listen yet. A connection of which
// one end closes is closed at the other end, too. It ends with the test.
func (e *Env) SlowLink(to string, delay time.Duration, rate int) *SlowLink {
	e.Helper()
	l, err := net.Listen("tcp", e.Address(0))
	if err != nil {
		e.Fatalf("no address for a slow link: %v", err)
	}
	e.Cleanup(func() { _ = l.Close() })
	s := &SlowLink{Address: l.Addr().String(), Delay: delay, Rate: rate, to: to}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return // closed
			}
			go s.join(in)
		}
	}()
	return s
}

// join carries one connection until one of its ends closes.
func (s *SlowLink) join(in net.Conn) {
	defer func() { _ = in.Close() }()
	out, err := net.DialTimeout("tcp", s.to, 5*time.Second)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	ended := make(chan struct{}, 2)
	go func() { s.carry(in, out); ended <- struct{}{} }()
	go func() { s.carry(out, in); ended <- struct{}{} }()
	<-ended
}

// parcel is some bytes, and when they come out.
type parcel struct {
	due  time.Time
	data []byte
}

// carry moves bytes in one direction. It reads no faster than the line takes it, so that who
// sends too much is held up, as on a real line.
func (s *SlowLink) carry(from io.Reader, to net.Conn) {
	const size = 2 << 10 // what goes onto the line at a time
	inFlight := int(s.Delay.Seconds()*float64(s.Rate))/size + 2
	line := make(chan parcel, inFlight)
	go func() {
		for p := range line {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				_ = to.Close() // its reader notices, and ends the other direction
			}
		}
		_ = to.Close()
	}()
	defer close(line)
	for {
		data := make([]byte, size)
		n, err := from.Read(data)
		if n > 0 {
			time.Sleep(time.Duration(n) * time.Second / time.Duration(s.Rate))
			line <- parcel{time.Now().Add(s.Delay), data[:n]}
		}
		if err != nil {
			return
		}
	}
}
