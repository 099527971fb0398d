package postings

// Keys are from 0 up to Always, which is not asked for: messages that have it
// are found whatever the keys.
const Always = 1 << 20

// BlockSize is the octets that a block has, unless one list alone has more. Its
// row stays below the 2,000 octets from which PostgreSQL stores a value apart.
const BlockSize = 1900

// Segment is what is known of some messages.
type Segment struct {
	Messages []int64 // their IDs, in no order; places count from 0
	Blocks   []Block
}

// Block is a piece of a segment, with the keys from First to the next block's.
type Block struct {
	First int32
	Data  []byte
}

// Octets is the size of all blocks.
func (s *Segment) Octets() (n int) {
	for _, b := range s.Blocks {
		n += len(b.Data)
	}
	return n
}
