package main

import (
	"os"
	"strings"
)

// colour is an SGR parameter (ECMA-48 §8.3.117); the terminal chooses the shade.
type colour string

const (
	bold   colour = "1"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
	cyan   colour = "36"
)

// meaning gives levels, states and event kinds a colour.
var meaning = map[string]colour{
	levelOK: green, "active": green, "signs": green, "delivered": green, "filed": green,
	levelNote: cyan, "leased": cyan,
	levelWarn: yellow, "held": yellow, "review": yellow, "disabled": yellow, "stopping": yellow, "deferred": yellow,
	levelFail: red, "not ok": red, "deleted": red, "bounced": red, "complaint": red, "failed": red,
}

// colourful tells whether f is a terminal whose user wants colours: NO_COLOR
// turns them off.
func (s streams) colourful(f any) bool {
	return isTerminal(f) && s.getenv("NO_COLOR") == "" && s.getenv("TERM") != "dumb"
}

func (s streams) getenv(name string) string {
	if s.environ == nil {
		return os.Getenv(name)
	}
	for _, v := range s.environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// in gives text in colour when on.
func (c colour) in(text string, on bool) string {
	if !on || c == "" || text == "" {
		return text
	}
	return "\033[" + string(c) + "m" + text + "\033[0m"
}

// paint gives text its colour when stdout shows colours.
func (e *env) paint(c colour, text string) string { return c.in(text, e.colours) }
