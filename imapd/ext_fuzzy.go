package imapd

import (
	"bytes"
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"postroom/internal/mail"
	"postroom/internal/message"
	"postroom/internal/searchtext"
)

// fuzzy parses
//
//	search-key =/ "FUZZY" SP search-key   ; RFC 6203 §7
//
// Inside it a text matches where all of its words stand, in any order; other
// keys match as they do outside (§5).
func (p *searchParser) fuzzy() criterion {
	p.d.SP()
	p.args.fuzzy = true
	outer := p.inFuzzy
	p.inFuzzy = true
	k := p.key()
	p.inFuzzy = outer
	return k
}

// texts parses a search string and gives the criterion that find makes of it:
// of each word of it inside FUZZY.
func (p *searchParser) texts(find func(*searchtext.Matcher) criterion) criterion {
	text := p.wanted()
	words := strings.Fields(text)
	if p.inFuzzy {
		p.args.relevant = append(p.args.relevant, newRelevant(text, words))
	}
	if !p.inFuzzy || len(words) < 2 {
		return find(searchtext.NewMatcher(text))
	}
	if p.keys += len(words); p.keys > maxSearchKeys {
		p.d.Fail("search too complex")
		return criterion{}
	}
	var keys []criterion
	for _, w := range words {
		keys = append(keys, find(searchtext.NewMatcher(w)))
	}
	return allOf(keys)
}

// relevant is a text by which results are scored, in the form of the collation.
type relevant struct {
	phrase []byte
	words  [][]byte
}

func newRelevant(text string, words []string) relevant {
	r := relevant{phrase: searchtext.Fold([]byte(strings.TrimSpace(text)))}
	for _, w := range words {
		r.words = append(r.words, searchtext.Fold([]byte(w)))
	}
	return r
}

// score gives the relevancy of a message, 1 to 100: what its list of messages
// shows of it (subject and first sender) counts more than what stands inside.
// Half is the share of words that stand there, a quarter the share of those
// that stand there as words of their own, a quarter the text as a whole.
func (a *searchArgs) score(row *mail.MessageRow) uint8 {
	if len(a.relevant) == 0 {
		return 100
	}
	shown := searchtext.Fold([]byte(shownText(row)))
	sum := 0
	for i := range a.relevant {
		sum += a.relevant[i].score(shown)
	}
	return uint8(1 + sum/len(a.relevant))
}

func (r *relevant) score(shown []byte) int {
	if len(r.words) == 0 {
		return 99
	}
	parts, whole := 0, 0
	for _, w := range r.words {
		if bytes.Contains(shown, w) {
			parts++
		}
		if hasWord(shown, w) {
			whole++
		}
	}
	score := (50*parts + 25*whole) / len(r.words)
	if bytes.Contains(shown, r.phrase) {
		score += 24
	}
	return score
}

func shownText(row *mail.MessageRow) string {
	from, _ := message.EnvelopeFirst(row.Envelope, message.EnvelopeFrom)
	subject := message.EnvelopeText(row.Envelope, message.EnvelopeSubject)
	return message.DecodeText(string(subject)) + "\n" + message.DecodeText(string(from.Name)) + "\n" + string(from.Mailbox) + "@" + string(from.Host)
}

// hasWord tells whether word stands in text with no letter or digit beside it.
func hasWord(text, word []byte) bool {
	for i := bytes.Index(text, word); i >= 0; i = bytes.Index(text, word) {
		before, _ := utf8.DecodeLastRune(text[:i])
		text = text[i+len(word):]
		after, _ := utf8.DecodeRune(text)
		if !isWordRune(before) && !isWordRune(after) {
			return true
		}
	}
	return false
}

func isWordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r))
}

// appendRelevancy is the sort key RELEVANCY: the highest score comes first
// (RFC 6203 §6).
func (a *searchArgs) appendRelevancy(dst []byte, r *mail.MessageRow) []byte {
	return append(dst, 100-a.score(r))
}

// scored fills in the scores when they are asked for.
func (s *session) scored(ctx context.Context, a *searchArgs, found []result) error {
	if !a.returns.relevancy || len(found) == 0 {
		return nil
	}
	for i := range found {
		found[i].score = 1
	}
	return s.eachRow(ctx, found, mail.ColEnvelope, func(i int, r *mail.MessageRow) error {
		found[i].score = a.score(r)
		return nil
	})
}

// writeScores writes
//
//	search-return-data =/ "RELEVANCY" SP "(" [score *(SP score)] ")"   ; RFC 6203 §7
//
// of the messages that PARTIAL gives, or all.
func (s *session) writeScores(found []result, p *partialRange) {
	if p != nil {
		found = p.of(found)
	}
	s.enc.Raw(" RELEVANCY (")
	for i, r := range found {
		if i > 0 {
			s.enc.Raw(" ")
		}
		s.enc.Number(uint64(r.score))
	}
	s.enc.Raw(")")
}
