// Package differential gives postroom and Debian's Dovecot the same commands
// from the same connections and compares what they answer. normal_test.go takes
// out what must differ by nature (numbers that each server chooses, texts for
// people, order that the RFCs leave open); accepted_test.go is the table of the
// differences there are, each of which docs/imap.md explains and some command
// must still show. Any other difference fails.
package differential
