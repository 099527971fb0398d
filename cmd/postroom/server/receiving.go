package server

import (
	"context"
	"net/netip"

	"postroom/delivery"
	"postroom/internal/iprev"
)

// receiving says by what strangers on port 25 are judged.
func (s *Server) receiving() delivery.Receiving {
	return delivery.Receiving{
		Reverse:    func(ctx context.Context, a netip.Addr) iprev.Result { return iprev.Check(ctx, s.resolver, a) },
		Greylist:   s.cfg.Greylist == "on",
		ExemptPeer: gatewayPeer(s.gateways),
	}
}
