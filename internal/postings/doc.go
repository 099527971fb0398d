// Package postings is the inverted index behind SEARCH: which of up to some
// thousand messages have a key. A Segment is written once, as blocks sorted by
// key of which a look-up reads one, and later merged with others of its size
// into a larger one.
//
// A block holds entries: the distance to the entry's key from that of the one
// before (from First for the first), the length of its list in octets, and the
// list: the places of the messages in the segment, ascending, each as the
// distance from the one before, less one. All numbers are unsigned varints.
package postings
