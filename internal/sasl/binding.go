package sasl

import "crypto/tls"

// The names of channel bindings, as they stand behind "p=".
const (
	tlsExporter = "tls-exporter" // RFC 9266
	tlsUnique   = "tls-unique"   // RFC 5929 §3, which RFC 5802 §6.1 demands below TLS 1.3
)

// bindings gives the channel binding data of the connection by name; none
// without TLS, and none below TLS 1.3 without an extended master secret: there
// a master secret is not unique to its connection (RFC 9266 §4, RFC 7677 §4).
// crypto/tls then refuses to export. It never renegotiates as a server.
func (c Conn) bindings() map[string][]byte {
	if c.TLS == nil {
		return nil
	}
	exported, err := c.TLS.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		return nil
	}
	all := map[string][]byte{tlsExporter: exported}
	if c.TLS.Version < tls.VersionTLS13 && len(c.TLS.TLSUnique) > 0 {
		all[tlsUnique] = c.TLS.TLSUnique
	}
	return all
}
