package imapd

import (
	"slices"
	"strconv"
	"strings"

	"postroom/internal/sasl"
)

// feature is something ENABLE switches on, as a bit.
type feature uint16

const (
	featureRev2 feature = 1 << iota
	featureUTF8
	featureCondstore
	featureQresync
	featureUIDOnly
	featureMetadata
)

// capability is a row of the capability table.
type capability struct {
	name string
	rfc  string // where it stands
	// states in which it is advertised.
	states state
	// when limits it further; nil: always.
	when func(*session) bool
	// enable is what ENABLE of this name switches on; 0: it can't be enabled.
	enable feature
	// transcripts is the folder of testdata that shows it.
	transcripts string
}

// capabilities is THE other table, in the order of the CAPABILITY response.
var capabilities = withMechanisms([]capability{
	{name: "IMAP4rev1", rfc: "3501", states: anyState, transcripts: "rev1"},
	{name: "IMAP4rev2", rfc: "9051", states: anyState, enable: featureRev2, transcripts: "rev2"},
	{name: "LITERAL+", rfc: "7888", states: anyState, transcripts: "literals"},
	{name: "SASL-IR", rfc: "4959", states: anyState, transcripts: "login"},
	{name: "ENABLE", rfc: "5161", states: anyState, transcripts: "enable"},
	{name: "ID", rfc: "2971", states: anyState, transcripts: "id"},
	{name: "STARTTLS", rfc: "9051", states: beforeLog, when: (*session).canStartTLS, transcripts: "tls"},
	{name: "LOGINDISABLED", rfc: "9051", states: beforeLog, when: func(s *session) bool { return !s.mayLogin() }, transcripts: "tls"},
	{name: "COMPRESS=DEFLATE", rfc: "4978", states: loggedIn, when: func(s *session) bool { return s.deflate == nil }, transcripts: "compress"},
	{name: "NAMESPACE", rfc: "2342", states: loggedIn, transcripts: "namespace"},
	{name: "IDLE", rfc: "2177", states: loggedIn, transcripts: "idle"},
	{name: "INPROGRESS", rfc: "9585", states: loggedIn, transcripts: "inprogress"},
	{name: "NOTIFY", rfc: "5465", states: loggedIn, when: func(s *session) bool { return s.srv.WatchMailboxes != nil }, transcripts: "notify"},
	{name: "UNAUTHENTICATE", rfc: "8437", states: loggedIn, transcripts: "unauthenticate"},
	{name: "UIDPLUS", rfc: "4315", states: loggedIn, transcripts: "uidplus"},
	{name: "MOVE", rfc: "6851", states: loggedIn, transcripts: "move"},
	{name: "UNSELECT", rfc: "3691", states: loggedIn, transcripts: "unselect"},
	{name: "CHILDREN", rfc: "3348", states: loggedIn, transcripts: "list"},
	{name: "LIST-EXTENDED", rfc: "5258", states: loggedIn, transcripts: "list"},
	{name: "LIST-STATUS", rfc: "5819", states: loggedIn, transcripts: "list"},
	{name: "SPECIAL-USE", rfc: "6154", states: loggedIn, transcripts: "special-use"},
	{name: "CREATE-SPECIAL-USE", rfc: "6154", states: loggedIn, transcripts: "special-use"},
	{name: "STATUS=SIZE", rfc: "8438", states: loggedIn, transcripts: "status"},
	{name: "ESEARCH", rfc: "4731", states: loggedIn, transcripts: "esearch"},
	{name: "SEARCHRES", rfc: "5182", states: loggedIn, transcripts: "searchres"},
	{name: "SORT", rfc: "5256", states: loggedIn, transcripts: "sort"},
	{name: "SORT=DISPLAY", rfc: "5957", states: loggedIn, transcripts: "sort-display"},
	{name: "ESORT", rfc: "5267", states: loggedIn, transcripts: "esort"},
	{name: "THREAD=ORDEREDSUBJECT", rfc: "5256", states: loggedIn, transcripts: "thread"},
	{name: "THREAD=REFERENCES", rfc: "5256", states: loggedIn, transcripts: "thread"},
	{name: "THREAD=REFS", rfc: "5256", states: loggedIn, transcripts: "thread"},
	{name: "I18NLEVEL=1", rfc: "5255", states: loggedIn, transcripts: "i18n"},
	{name: "CONTEXT=SEARCH", rfc: "5267", states: loggedIn, transcripts: "context"},
	{name: "CONTEXT=SORT", rfc: "5267", states: loggedIn, transcripts: "context"},
	{name: "PARTIAL", rfc: "9394", states: loggedIn, transcripts: "partial"},
	{name: "MULTISEARCH", rfc: "7377", states: loggedIn, transcripts: "multisearch"},
	{name: "SEARCH=FUZZY", rfc: "6203", states: loggedIn, transcripts: "fuzzy"},
	{name: "FILTERS", rfc: "5466", states: loggedIn, transcripts: "filters"},
	{name: "WITHIN", rfc: "5032", states: loggedIn, transcripts: "within"},
	{name: "MULTIAPPEND", rfc: "3502", states: loggedIn, transcripts: "append"},
	{name: "APPENDLIMIT", rfc: "7889", states: loggedIn, transcripts: "append"},
	{name: "CATENATE", rfc: "4469", states: loggedIn, transcripts: "catenate"},
	{name: "MESSAGELIMIT", rfc: "9738", states: loggedIn, when: func(s *session) bool { return s.srv.MessageLimit > 0 }, transcripts: "messagelimit"},
	{name: "REPLACE", rfc: "8508", states: loggedIn, transcripts: "replace"},
	{name: "BINARY", rfc: "3516", states: loggedIn, transcripts: "binary"},
	{name: "PREVIEW", rfc: "8970", states: loggedIn, transcripts: "preview"},
	{name: "CONDSTORE", rfc: "7162", states: loggedIn, enable: featureCondstore, transcripts: "condstore"},
	{name: "QRESYNC", rfc: "7162", states: loggedIn, enable: featureQresync, transcripts: "qresync"},
	{name: "UIDONLY", rfc: "9586", states: loggedIn, enable: featureUIDOnly, transcripts: "uidonly"},
	{name: "OBJECTID", rfc: "8474", states: loggedIn, transcripts: "objectid"},
	{name: "SAVEDATE", rfc: "8514", states: loggedIn, transcripts: "savedate"},
	{name: "QUOTA", rfc: "9208", states: loggedIn, transcripts: "quota"},
	{name: "QUOTA=RES-STORAGE", rfc: "9208", states: loggedIn, transcripts: "quota"},
	{name: "QUOTASET", rfc: "9208", states: loggedIn, when: func(s *session) bool { return s.identity.Admin }, transcripts: "quota"},
	{name: "ACL", rfc: "4314", states: loggedIn, transcripts: "acl"},
	{name: "RIGHTS=texk", rfc: "4314", states: loggedIn, transcripts: "acl"},
	{name: "LIST-MYRIGHTS", rfc: "8440", states: loggedIn, transcripts: "acl"},
	{name: "METADATA", rfc: "5464", states: loggedIn, enable: featureMetadata, transcripts: "metadata"},
	{name: "LIST-METADATA", rfc: "9590", states: loggedIn, transcripts: "metadata"},
	{name: "QUOTA=RES-MESSAGE", rfc: "9208", states: loggedIn, transcripts: "quota"},
	{name: "UTF8=ACCEPT", rfc: "6855", states: loggedIn, enable: featureUTF8, transcripts: "utf8"},
})

// withMechanisms puts a row for each SASL mechanism behind LOGINDISABLED.
func withMechanisms(rows []capability) []capability {
	at := 1 + slices.IndexFunc(rows, func(c capability) bool { return c.name == "LOGINDISABLED" })
	var all []capability
	for _, m := range sasl.Mechanisms() {
		all = append(all, capability{name: "AUTH=" + m.Name, rfc: m.RFC, states: beforeLog, transcripts: "sasl",
			when: func(s *session) bool { return s.mayLogin() && m.Offered(s.saslConn(), s.srv.Auth) }})
	}
	return slices.Insert(rows, at, all...)
}

// capabilities gives the atoms that hold now, separated by spaces.
func (s *session) capabilities() string {
	var names []string
	for _, c := range capabilities {
		if c.states&s.state == 0 || c.when != nil && !c.when(s) || s.without(c.name) {
			continue
		}
		name := c.name
		switch name {
		case "APPENDLIMIT":
			name += "=" + strconv.FormatInt(s.srv.MaxMessageSize, 10)
		case "MESSAGELIMIT":
			name += "=" + strconv.Itoa(s.srv.MessageLimit)
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func (s *session) canStartTLS() bool { return s.srv.TLS != nil && !s.tls }

// mayLogin: log-ins are inside TLS only, unless the configuration lets loopback
// peers off.
func (s *session) mayLogin() bool {
	return s.tls || s.srv.AuthWithoutTLS && s.conn.peer.Addr().IsLoopback()
}
