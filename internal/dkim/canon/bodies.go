package canon

import "errors"

// Bodies hashes a message's body once for every signature over it, whatever
// they ask for: one pass per algorithm, in constant memory. Those who verify
// and those who sign say what they want before the first octet; then the body
// is written, as it stands behind the empty line; then they read. It is for
// one goroutine.
type Bodies struct {
	by      [2]*body // by Kind
	writing bool
	done    bool
}

var errDone = errors.New("canon: the body has ended")

// Want asks for the hash of the first limit canonical octets of the body, or
// of all of it with NoLimit. It panics when the body is already being written.
func (b *Bodies) Want(k Kind, limit int64) {
	if b.writing || b.done {
		panic("canon: Want after Write")
	}
	if b.by[k] == nil {
		b.by[k] = newBody(k)
	}
	b.by[k].want(limit)
}

// Write takes octets of the body, cut anywhere.
func (b *Bodies) Write(p []byte) (int, error) {
	if b.done {
		return 0, errDone
	}
	b.writing = true
	for _, one := range b.by {
		if one != nil {
			one.write(p)
		}
	}
	return len(p), nil
}

// Digest ends the body and gives a hash that was asked for; false when the
// canonical body is shorter than limit.
func (b *Bodies) Digest(k Kind, limit int64) (Digest, bool) {
	b.end()
	if b.by[k] == nil {
		return Digest{}, false
	}
	return b.by[k].digest(limit)
}

// Size ends the body and gives how many octets it has in canonical form; zero
// when no hash of that form was asked for.
func (b *Bodies) Size(k Kind) int64 {
	b.end()
	if b.by[k] == nil {
		return 0
	}
	return b.by[k].size
}

func (b *Bodies) end() {
	if b.done {
		return
	}
	b.done = true
	for _, one := range b.by {
		if one != nil {
			one.finish()
		}
	}
}
