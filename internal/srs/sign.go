package srs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"

	"postroom/internal/address"
)

const (
	base32Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	hashLen      = 5 // base32 digits: 25 bits, see the package comment
)

// digest signs the fields as they compare: without case (address.Key). Each
// goes in with its length, so that no two lists of fields sign alike; SRS0
// signs three and SRS1 two.
func digest(secret []byte, fields ...string) string {
	h := hmac.New(sha256.New, secret)
	for _, f := range fields {
		f = address.Key(f)
		h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(f))))
		h.Write([]byte(f))
	}
	return base32.StdEncoding.EncodeToString(h.Sum(nil))[:hashLen]
}

func (r *Rewriter) verify(hash string, fields ...string) bool {
	good := false
	for _, secret := range r.Secrets {
		if len(secret) > 0 && hmac.Equal([]byte(strings.ToUpper(hash)), []byte(digest(secret, fields...))) {
			good = true
		}
	}
	return good
}

func (r *Rewriter) today() int { return int(r.Now().Unix()/int64(day/time.Second)) % slots }

// stamp writes a day, counted from 1970 modulo 1,024, as two base32 digits.
func stamp(day int) string {
	return string([]byte{base32Digits[day>>5&31], base32Digits[day&31]})
}

// fresh tells whether a stamp is at most MaxAge old. One day ahead is today:
// the clock of the node that signed may have passed midnight before ours.
func (r *Rewriter) fresh(tt string) bool {
	if len(tt) != 2 {
		return false
	}
	tt = strings.ToUpper(tt)
	hi, lo := strings.IndexByte(base32Digits, tt[0]), strings.IndexByte(base32Digits, tt[1])
	if hi < 0 || lo < 0 {
		return false
	}
	maxAge := r.MaxAge
	if maxAge <= 0 {
		maxAge = defaultAge
	}
	age := (r.today() - (hi<<5 | lo) + slots) % slots
	return age == slots-1 || age <= min(int((maxAge+day-1)/day), maxDays)
}
