// Package threading joins messages to threads by the algorithms
// ORDEREDSUBJECT and REFERENCES (RFC 5256 §BASE.6.4.THREAD), and REFS
// (draft-ietf-morg-inthread-01 §4). Pure memory: a message costs some seventy
// octets, whatever its header holds.
package threading
