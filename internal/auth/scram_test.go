package auth

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"
)

// parseScram reads a stored form as a SCRAM server would.
func parseScram(s string) (c scram.StoredCredentials, err error) {
	f := strings.Split(s, ":")
	if len(f) != 4 {
		return c, errors.New("four fields expected")
	}
	c.Iters, err = strconv.Atoi(f[0])
	salt, err1 := base64.StdEncoding.DecodeString(f[1])
	stored, err2 := base64.StdEncoding.DecodeString(f[2])
	server, err3 := base64.StdEncoding.DecodeString(f[3])
	c.Salt, c.StoredKey, c.ServerKey = string(salt), stored, server
	return c, errors.Join(err, err1, err2, err3)
}
