// Package doctext has a program of the administrator's choice read the text of
// PDF and office files. The program gets the file on stdin and its media type
// as its one argument, and writes text in UTF-8 on stdout. It is a stranger:
// what it reads comes from anybody, so it has no secret in its environment,
// little time and memory, and may fail as it likes.
package doctext
