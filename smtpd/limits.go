package smtpd

import "time"

// Limits bound what one client can take. A zero field takes the default; the
// defaults are Postfix's where it has one.
type Limits struct {
	Connections          int // open at once, in all (1000)
	ConnectionsPerClient int // per IPv4 address or IPv6 /64 (50)
	Messages             int // per connection (1000)
	Commands             int // per connection (50,000)
	Junk                 int // NOOP, RSET, VRFY … since the last message (100)
	SoftErrors           int // 4xx and 5xx replies before each further one is delayed (10)
	HardErrors           int // … before the connection ends (20)
	AuthFailures         int // failed AUTH before the connection ends (3)
	Recipients           int // per message; 452 4.5.3 beyond (1000)
	Delayed              int // connections whose replies are delayed at once (200)

	CommandLine int // octets with CRLF (4096; RFC 5321 §4.5.3.1.4 asks for 512 and more)
	AuthLine    int // octets of AUTH and its responses (12,288; RFC 4954 §4)
	BodyLine    int // octets of one line of a message (1 MiB): a bound, nothing is folded
	Header      int // octets of a message's header (1 MiB)

	ReadTimeout  time.Duration // for one command, and for silence in DATA (5 min; RFC 5321 §4.5.3.2.7)
	WriteTimeout time.Duration // for our replies to be taken (1 min)
	Handshake    time.Duration // for TLS (30 s)
	MinRate      int           // octets/s that a message must average beyond ReadTimeout (500)
	Session      time.Duration // for a connection as a whole (1 h)
	// ErrorDelay is what the first replies after SoftErrors wait for (1 s); it
	// doubles with every third, up to ErrorDelayMax (10 s).
	ErrorDelay, ErrorDelayMax time.Duration
	Commit                    time.Duration // for Backend and Message calls (5 min)
}

// withDefaults fills the zero fields.
func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		field *int
		value int
	}{
		{&l.Connections, 1000}, {&l.ConnectionsPerClient, 50}, {&l.Messages, 1000}, {&l.Commands, 50_000},
		{&l.Junk, 100}, {&l.SoftErrors, 10}, {&l.HardErrors, 20}, {&l.AuthFailures, 3}, {&l.Recipients, 1000}, {&l.Delayed, 200},
		{&l.CommandLine, 4096}, {&l.AuthLine, 12_288}, {&l.BodyLine, 1 << 20}, {&l.Header, 1 << 20}, {&l.MinRate, 500},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&l.ReadTimeout, 5 * time.Minute}, {&l.WriteTimeout, time.Minute}, {&l.Handshake, 30 * time.Second},
		{&l.Session, time.Hour}, {&l.ErrorDelay, time.Second}, {&l.ErrorDelayMax, 10 * time.Second}, {&l.Commit, 5 * time.Minute},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return l
}
