package imapd

import (
	"context"

	"postroom/imapd/wire"
	"postroom/internal/mail"
)

type fetchArgs struct {
	set          wire.NumSet
	items        []fetchItem
	changedSince *mail.ModSeq
	vanished     bool          // VANISHED: tell of expunged messages, too
	partial      *partialRange // of UID FETCH: only these of the set
}

// maxFetchItems bounds the items of one FETCH.
const maxFetchItems = 256

// parseFetch parses
//
//	fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att /
//	        "(" fetch-att *(SP fetch-att) ")") [SP fetch-modifiers]   ; RFC 9051 §6.4.5
//	fetch-modifiers = "(" fetch-modifier *(SP fetch-modifier) ")"     ; RFC 4466 §2.4
func parseFetch(_ *session, d *wire.Decoder) (a fetchArgs) {
	a.set = d.NumSet()
	d.SP()
	if d.Try('(') {
		for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
			a.add(d, d.WordUntil())
		}
		d.Expect(')')
	} else {
		name := d.WordUntil()
		if macro := fetchMacros[name]; macro != nil {
			for _, n := range macro {
				a.add(d, n)
			}
		} else {
			a.add(d, name)
		}
	}
	if d.Try(' ') {
		d.Expect('(')
		for first := true; d.Err() == nil && (first || d.Try(' ')); first = false {
			a.parseModifier(d)
		}
		d.Expect(')')
	}
	return a
}

func (a *fetchArgs) add(d *wire.Decoder, name string) {
	parse := fetchItems[name]
	if parse == nil {
		d.Fail("unknown FETCH item")
		return
	}
	if len(a.items) >= maxFetchItems {
		d.Fail("too many FETCH items")
		return
	}
	a.items = append(a.items, parse(d))
}

// parseModifier parses
//
//	fetch-modifier = "CHANGEDSINCE" SP mod-sequence-value   ; RFC 7162 §3.1.4.1
//	fetch-modifier =/ "VANISHED"                            ; RFC 7162 §3.2.6
//	fetch-modifier =/ "PARTIAL" SP partial-range            ; RFC 9394 §4
func (a *fetchArgs) parseModifier(d *wire.Decoder) {
	switch d.Word() {
	case "CHANGEDSINCE":
		d.SP()
		n := mail.ModSeq(d.Number64())
		a.changedSince = &n
	case "VANISHED":
		a.vanished = true
	case "PARTIAL":
		d.SP()
		a.partial = parsePartialRange(d)
	default:
		d.Fail("unknown FETCH modifier")
	}
}

func (a *fetchArgs) has(name string) bool {
	for _, it := range a.items {
		if it.name == name {
			return true
		}
	}
	return false
}

func runFetch(ctx context.Context, s *session, a fetchArgs) (reply, error) {
	return s.fetch(ctx, a, false)
}

func runUIDFetch(ctx context.Context, s *session, a fetchArgs) (reply, error) {
	if !a.has("UID") && !s.has(featureUIDOnly) {
		a.items = append([]fetchItem{itemUID}, a.items...)
	}
	return s.fetch(ctx, a, true)
}

func (s *session) fetch(ctx context.Context, a fetchArgs, uid bool) (reply, error) {
	if a.vanished && (!uid || a.changedSince == nil || !s.has(featureQresync)) {
		return reply{}, bad("VANISHED goes with UID FETCH, CHANGEDSINCE and ENABLE QRESYNC")
	}
	if a.partial != nil && !uid {
		return reply{}, bad("PARTIAL goes with UID FETCH") // RFC 9394 §3.3
	}
	if a.changedSince != nil && !a.has("MODSEQ") {
		a.items = append(a.items, itemModSeq)
	}
	if a.has("MODSEQ") {
		s.enable(featureCondstore)
	}
	if err := s.numbers(ctx); err != nil {
		return reply{}, err
	}
	if a.vanished {
		if err := s.tellEarlier(ctx, a.set, *a.changedSince); err != nil {
			return reply{}, err
		}
	}
	uids, err := s.resolve(a.set, uid)
	if err != nil {
		return reply{}, err
	}
	if a.partial != nil {
		uids = a.partial.clip(s, uids) // before CHANGEDSINCE (RFC 9394 §3.4)
		if err := s.allowWhole(uids); err != nil {
			return reply{}, err
		}
	}
	if a.changedSince != nil {
		uids = s.changedSince(uids, *a.changedSince)
	}
	if uids = s.limit(uids); len(uids) == 0 {
		return reply{}, nil
	}
	f := newFetch(s, a)
	return reply{}, f.run(ctx, uids)
}

// changedSince keeps the messages with a higher modseq.
func (s *session) changedSince(uids mail.UIDSet, modseq mail.ModSeq) (out mail.UIDSet) {
	for _, m := range s.sel.view.All(uids) {
		if m.ModSeq > modseq {
			out.Append(m.UID)
		}
	}
	return out
}
