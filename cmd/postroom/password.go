package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"postroom/internal/mail"
)

// readPassword reads a password: twice and unseen on a terminal, else the first
// line of stdin. Never from an argument, which other users can see.
func (e *env) readPassword(prompt string) (string, error) {
	if !isTerminal(e.in) {
		return readPasswordLine(e.in)
	}
	first, err := e.askUnseen(prompt + ": ")
	if err != nil {
		return "", err
	}
	second, err := e.askUnseen(prompt + ", again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", mail.Errorf(mail.CodeInvalid, "the two passwords differ")
	}
	return first, nil
}

func (e *env) askUnseen(prompt string) (string, error) {
	fmt.Fprint(e.err, prompt)
	raw, err := term.ReadPassword(int(e.in.(*os.File).Fd()))
	fmt.Fprintln(e.err)
	return string(raw), err
}

func readPasswordLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		e := mail.Errorf(mail.CodeInvalid, "no password was given")
		e.Hint = "type it on a terminal, or pipe it in: postroom … <password-file"
		return "", e
	}
	return line, nil
}

// confirm asks before what cannot be taken back. Without a terminal only --yes
// goes on.
func (e *env) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if !isTerminal(e.in) {
		err := mail.Errorf(mail.CodeInvalid, "this needs a confirmation")
		err.Hint = "run it on a terminal, or add --yes"
		return err
	}
	fmt.Fprintf(e.err, "%s [y/N] ", question)
	line, _ := bufio.NewReader(e.in).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(line)); a == "y" || a == "yes" {
		return nil
	}
	return mail.Errorf(mail.CodeInvalid, "left as it is")
}
