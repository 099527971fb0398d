// Package archtest holds the tests that keep the tree's shape: who may import
// whom (ARCHITECTURE.md, rooms), how long a file may be, and that every RFC
// cited in a comment stands in docs/rfcs.md.
package archtest
