// Package sig holds what the signatures of DKIM (RFC 6376) and ARC (RFC 8617)
// have in common: tag-lists, key records and their look-up, the tags of a
// signature, and its check against a key. What a field means, and which tags
// it must have beside these, is for internal/dkim and internal/arc to say.
package sig

// MaxField bounds a field that is read as a signature, in octets.
const MaxField = 16 << 10

// Status is a result of RFC 8601 §2.7.1.
type Status string

// The results. What RFC 6376 §3.9 calls PERMFAIL is any of Fail, Policy,
// Neutral and PermError, and TEMPFAIL is TempError.
const (
	None      Status = "none"      // there is no signature
	Pass      Status = "pass"      // good, and acceptable here
	Fail      Status = "fail"      // the test was made and came out wrong
	Policy    Status = "policy"    // not acceptable here, whatever the test says
	Neutral   Status = "neutral"   // cannot be read, or asks for what is not known here
	TempError Status = "temperror" // no answer about the key for now
	PermError Status = "permerror" // cannot be tested, now or later
)

// Failure says why a signature is not a pass. Reason is short, of printable
// ASCII and holds nothing from the message or the DNS.
type Failure struct {
	Status Status
	Reason string
}

// Error gives status and reason.
func (f *Failure) Error() string { return string(f.Status) + ": " + f.Reason }

// NewFailure makes a Failure.
func NewFailure(s Status, reason string) *Failure { return &Failure{s, reason} }
