package testbed

import (
	"os"
	"strconv"
)

// Number reads an environment variable that makes a case longer than in CI
// (POSTROOM_TEST_…), def when it is not set or no number.
func Number(name string, def int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return def
}
