package imapd

import (
	"errors"
	"io"
	"log/slog"
	"net"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

// failure is a tagged NO or BAD with its response code (RFC 9051 §7.1).
type failure struct{ kind, code, text string }

func (f *failure) Error() string { return f.kind + " " + bracket(f.code) + f.text }

func no(code, text string) error { return &failure{"NO", code, text} }
func bad(text string) error      { return &failure{"BAD", "", text} }

// responseCodes maps what went wrong in the store to response codes.
var responseCodes = map[mail.Code]string{
	mail.CodeInternal:           "SERVERBUG",
	mail.CodeUnavailable:        "UNAVAILABLE",
	mail.CodeStorageFull:        "UNAVAILABLE",
	mail.CodeNotFound:           "NONEXISTENT",
	mail.CodeExists:             "ALREADYEXISTS",
	mail.CodeInvalid:            "CANNOT",
	mail.CodeConflict:           "INUSE",
	mail.CodeNoPermission:       "NOPERM",
	mail.CodeNoSuchUser:         "NONEXISTENT",
	mail.CodeAccountDisabled:    "AUTHORIZATIONFAILED",
	mail.CodeOverQuota:          "OVERQUOTA",
	mail.CodeOverQuotaHard:      "OVERQUOTA",
	mail.CodeTooBig:             "TOOBIG",
	mail.CodeTooMany:            "LIMIT",
	mail.CodeThrottled:          "UNAVAILABLE",
	mail.CodeBadMessage:         "CANNOT",
	mail.CodeBadCredentials:     "AUTHENTICATIONFAILED",
	mail.CodeInUse:              "INUSE",
	mail.CodeExpired:            "EXPIRED",
	mail.CodeReadOnly:           "NOPERM",
	mail.CodeHasChildren:        "HASCHILDREN",
	mail.CodeUnknownCharset:     "BADCHARSET (US-ASCII UTF-8)",
	mail.CodeUnknownTransferEnc: "UNKNOWN-CTE",
	mail.CodeLimit:              "LIMIT",
}

// failureOf gives the tagged reply for err; what a client must not see is
// logged and left out.
func (s *session) failureOf(name string, err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var syntax *wire.SyntaxError
	if errors.As(err, &syntax) {
		return &failure{"BAD", "", syntax.Want}
	}
	if errors.Is(err, wire.ErrLiteralTooBig) || errors.Is(err, wire.ErrCommandTooLong) {
		return &failure{"BAD", "TOOBIG", err.Error()}
	}
	code := mail.CodeOf(err)
	if code == mail.CodeInternal || code == mail.CodeUnavailable || code == mail.CodeStorageFull {
		s.logInternal(name, err)
	}
	return &failure{"NO", responseCodes[code], mail.TextOf(err)}
}

func (s *session) logInternal(name string, err error) {
	s.event(slog.LevelError, "command failed", slog.String("command", name), slog.Any("err", err))
}

// tryCreate turns a missing target of APPEND, COPY or MOVE into TRYCREATE
// (RFC 9051 §6.3.12).
func tryCreate(err error) error {
	if mail.Is(err, mail.CodeNotFound) {
		return no("TRYCREATE", mail.TextOf(err))
	}
	return err
}

func unavailable(err error) bool { return mail.Is(err, mail.CodeUnavailable) }

// fatal tells errors after which the connection can't go on.
func fatal(err error) bool {
	var ne net.Error
	return err != nil && (errors.Is(err, errBye) || errors.Is(err, wire.ErrFrame) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) || errors.Is(err, errClient) || errors.As(err, &ne) && !isMailError(err))
}

// errClient marks errors of the client's stream that passed through other rooms.
var errClient = errors.New("client connection")

func isMailError(err error) bool {
	var e *mail.Error
	return errors.As(err, &e)
}
