package admin

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"postroom/internal/mail"
)

// maxName bounds a display name or label, in characters.
const maxName = 200

// displayName checks what people call themselves or their devices.
func displayName(s string) (string, error) {
	s = norm.NFC.String(strings.TrimSpace(s))
	switch {
	case !utf8.ValidString(s):
		return "", &mail.Error{Code: mail.CodeInvalid, Text: "that name is not UTF-8", Hint: "save the file, or set the terminal, as UTF-8"}
	case utf8.RuneCountInString(s) > maxName:
		return "", mail.Errorf(mail.CodeInvalid, "a name has at most %d characters", maxName)
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", mail.Errorf(mail.CodeInvalid, "a name has no control characters")
	}
	return s, nil
}

// ParseSize reads a number of octets as people write it: "5G", "1.5 GB",
// "500MiB", "1000"; units are powers of 1024. "", "none" and "0" are 0.
func ParseSize(s string) (int64, error) {
	t := strings.ToLower(strings.Join(strings.Fields(s), ""))
	if t == "" || t == "none" || t == "unlimited" {
		return 0, nil
	}
	wrong := &mail.Error{Code: mail.CodeInvalid, Text: quoted(s) + " is no size", Hint: "write it as 500M, 5G or none"}
	t = strings.TrimSuffix(strings.TrimSuffix(t, "b"), "i")
	factor := 1.0
	if t != "" {
		if i := strings.IndexByte("kmgt", t[len(t)-1]); i >= 0 {
			factor = math.Pow(1024, float64(i+1))
			t = t[:len(t)-1]
		}
	}
	n, err := strconv.ParseFloat(t, 64)
	if err != nil || n < 0 || math.IsNaN(n) || n*factor > 1<<60 {
		return 0, wrong
	}
	return int64(n * factor), nil
}
