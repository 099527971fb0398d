package queue

import (
	"strings"

	"postroom/internal/message"
)

// messageID finds the Message-ID that a DSN refers to.
func messageID(header []byte) string {
	for f := range message.Fields(header) {
		if strings.EqualFold(string(f.Name), "Message-ID") {
			return strings.TrimSpace(string(f.Value))
		}
	}
	return ""
}
