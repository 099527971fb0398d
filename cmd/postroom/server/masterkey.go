package server

import (
	"os"
	"strings"
)

// MasterKeyEnv gives the variable that may hold the master key itself; environ
// nil means the process's.
func MasterKeyEnv(environ []string) string {
	if environ == nil {
		return os.Getenv("POSTROOM_MASTER_KEY")
	}
	for _, e := range environ {
		if v, ok := strings.CutPrefix(e, "POSTROOM_MASTER_KEY="); ok {
			return v
		}
	}
	return ""
}
