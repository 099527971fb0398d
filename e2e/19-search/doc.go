// Package search holds the cases of the search index as an administrator and
// a mail program see it: old mail indexed through kills, and the text of PDF and
// office files read by Debian's programs.
package search
