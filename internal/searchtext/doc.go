// Package searchtext says what of a message SEARCH looks at, and how: the
// decoded header fields and the decoded text of its text parts (HTML as a
// reader sees it), compared by i;unicode-casemap. One walk serves both
// users: a Matcher, which finds a string exactly, and Grams, which makes what
// the index keeps. So a message in which a Matcher finds a string always has
// the string's grams: the index can leave out a message, never hide one.
package searchtext
