package storetest

import (
	"crypto/sha256"
	"fmt"
	"time"

	"postroom/internal/mail"
)

// Octets are message octets kept as they are, not compressed. It implements
// mail.Content; a store that reads them back needs Plain as Decompress.
type Octets []byte

// Chunks counts the chunks of mail.ChunkSize octets.
func (o Octets) Chunks() int { return (len(o) + mail.ChunkSize - 1) / mail.ChunkSize }

// Chunk gives chunk i.
func (o Octets) Chunk(i int) ([]byte, error) {
	return o[i*mail.ChunkSize : min(len(o), (i+1)*mail.ChunkSize)], nil
}

// Plain is the Decompress that goes with Octets.
func Plain(dst, b []byte) ([]byte, error) { return append(dst, b...), nil }

// Summary makes a plausible summary of octets, without parsing them.
func Summary(octets []byte) mail.Summary {
	return mail.Summary{Size: int64(len(octets)), Hash: sha256.Sum256(octets), HeaderSize: int64(min(2, len(octets))),
		Fields: []byte("Subject: a test\r\n"), Envelope: []byte("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"),
		BodyStructure: []byte(`("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0 NIL NIL NIL NIL)`), Parts: []byte{},
		MessageID: fmt.Sprintf("<%x@test>", sha256.Sum256(octets)), SentAt: time.Unix(1700000000, 0)}
}

// Delivery makes a delivery of octets into the INBOX of each account.
func Delivery(octets []byte, accounts ...mail.AccountID) *mail.Delivery {
	d := &mail.Delivery{Content: Octets(octets), Summary: Summary(octets),
		Events: []mail.Event{{Kind: mail.EventAccepted, Peer: "192.0.2.1"}}}
	for _, a := range accounts {
		d.Locals = append(d.Locals, mail.LocalDelivery{Account: a, Prefix: []byte("Return-Path: <>\r\n"), Received: time.Unix(1700000000, 0)})
	}
	return d
}
