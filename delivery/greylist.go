package delivery

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"strconv"
	"time"

	"postroom/internal/address"
	"postroom/internal/mail"
)

// The times of greylisting: mail servers come again within minutes, mostly;
// RFC 5321 §4.5.4.1 has them wait for 30.
const (
	greylistWait   = 2 * time.Minute
	greylistWindow = 24 * time.Hour
	greylistGood   = 35 * 24 * time.Hour
)

// greylist tells a suspect to come again, unless its network did so once or
// somebody here wrote to the sender. why: "" is no suspect.
func (x *stranger) greylist(ctx context.Context, why string) error {
	if why == "" || !x.d.cfg.Receiving.Greylist {
		return nil
	}
	if known, err := x.known(ctx); known || err != nil {
		return err
	}
	wait, err := x.d.store.Greylist(ctx, x.try())
	if err != nil || wait <= 0 {
		return err
	}
	err = mail.Errorf(mail.CodeDeferred, "try again in %d s: %s", seconds(wait), why)
	x.note(mail.RejectGreylisted, err)
	return err
}

// try gives the keys of a try: what a retry from another host of the network,
// with another number in its reverse-path, has in common.
func (x *stranger) try() mail.GreylistTry {
	net := network(x.peer())
	to := x.to.Domain
	if x.alone != 0 {
		to = strconv.FormatInt(int64(x.alone), 10)
	}
	from := address.Unnumbered(x.from.Local) + "@" + x.from.Domain
	netKey, triplet := sha256.Sum256([]byte(net)), sha256.Sum256([]byte(net+"\n"+from+"\n"+to))
	return mail.GreylistTry{Network: netKey[:], Triplet: triplet[:], Now: x.d.cfg.Now(),
		Wait: greylistWait, Window: greylistWindow, Good: greylistGood}
}

// networkOf is network as a prefix.
func networkOf(a netip.Addr) netip.Prefix {
	p, _ := netip.ParsePrefix(network(a))
	return p
}
