package smtpd

import (
	"strings"
	"testing"
)

// BenchmarkData receives messages of 4 KiB and 8 MiB on one connection.
func BenchmarkData(b *testing.B) {
	for name, size := range map[string]int{"4KiB": 4 << 10, "8MiB": 8 << 20} {
		b.Run(name, func(b *testing.B) {
			r := start(b, Config{LiftLimits: true}, false)
			r.backend.discard = true
			c := r.dial()
			opened(c)
			c.do("RSET", "250 ")
			body := strings.Repeat(strings.Repeat("x", 76)+"\r\n", size/78) + ".\r\n"
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				c.send("MAIL FROM:<a@remote.example>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n")
				c.want("250 ")
				c.want("250 ")
				c.want("354 ")
				c.send(body)
				c.want("250 ")
			}
		})
	}
}
