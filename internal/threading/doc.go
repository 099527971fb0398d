// Package threading joins messages to threads by the algorithms
// ORDEREDSUBJECT and REFERENCES (RFC 5256 §BASE.6.4.THREAD). Pure memory: a
// message costs some sixty octets, whatever its header holds.
package threading
