package imapd

import (
	"context"

	"postroom/internal/mail"
)

// Octets read of a message before its response begins: all there is of most
// messages, so that a store that goes away in between is NO and not a cut
// connection.
const (
	leadSize = 64 << 10
	leadsMax = 256 << 10 // of one message's items together
)

// prepared is a section of one message, found and ready to be written.
type prepared struct {
	sec  *section
	sp   span
	ok   bool
	lead []byte // the first octets of sp, once read
	size int64  // of a decoded part
	nul  bool   // the decoded part holds NUL
}

// sectionItem is BODY[…] (RFC 9051 §6.4.5).
func sectionItem(name string, sec *section, seen bool) fetchItem {
	var label string // the same for every message
	return fetchItem{name: name + "[", row: true, seen: seen, cols: sec.columns(),
		check: func(ctx context.Context, m *fetched) error { return m.prepare(ctx, sec) },
		write: func(ctx context.Context, m *fetched) error {
			if label == "" {
				label = sec.label(name, m.s.enc.UTF8)
			}
			m.s.enc.Raw(label)
			p := m.of(sec)
			if !p.ok {
				m.s.enc.Raw("NIL")
				return nil
			}
			return m.literal(ctx, p)
		}}
}

// rfc822Item is RFC822, RFC822.HEADER or RFC822.TEXT (RFC 3501 §6.4.5).
func rfc822Item(name, text string, seen bool) fetchItem {
	sec := &section{text: text}
	return fetchItem{name: name, row: true, seen: seen, cols: sec.columns(),
		check: func(ctx context.Context, m *fetched) error { return m.prepare(ctx, sec) },
		write: func(ctx context.Context, m *fetched) error {
			m.s.enc.Raw(name, " ")
			return m.literal(ctx, m.of(sec))
		}}
}

// prepare finds the section and reads its beginning.
func (m *fetched) prepare(ctx context.Context, sec *section) error {
	sp, ok, err := m.body.find(ctx, sec)
	if err != nil {
		return err
	}
	if sec.partial {
		sp = sp.slice(sec.offset, sec.count)
	}
	p := prepared{sec: sec, sp: sp, ok: ok}
	if n := min(sp.size(), leadSize); sp.n > 0 && !m.body.held(sp) && m.leads+n <= leadsMax {
		if p.lead, err = m.body.read(ctx, sp, n); err != nil {
			return err
		}
		m.leads += n
	}
	m.prepared = append(m.prepared, p)
	return nil
}

// of gives what was prepared of a section.
func (m *fetched) of(sec *section) *prepared {
	for i := range m.prepared {
		if m.prepared[i].sec == sec {
			return &m.prepared[i]
		}
	}
	return &prepared{}
}

// literal streams a section. An error leaves the response broken.
func (m *fetched) literal(ctx context.Context, p *prepared) error {
	m.s.enc.LiteralSize(p.sp.size(), false)
	if _, err := m.s.enc.Write(p.lead); err != nil {
		return err
	}
	n := int64(len(p.lead))
	return m.body.copy(ctx, m.s.enc, p.sp.slice(n, p.sp.size()-n))
}

// binaryItem is BINARY[…] and BINARY.PEEK[…]: the part without its transfer
// encoding (RFC 9051 §6.4.5.1, RFC 3516 §4.2).
func binaryItem(sec *section, seen bool) fetchItem {
	it := fetchItem{name: "BINARY[", row: true, seen: seen, cols: mail.ColBlob | mail.ColOctets | mail.ColParts}
	it.check = func(ctx context.Context, m *fetched) error { return m.measure(ctx, sec) }
	it.write = func(ctx context.Context, m *fetched) error {
		sec.write(m.s.enc, "BINARY")
		p := m.of(sec)
		if !p.ok {
			m.s.enc.Raw("NIL")
			return nil
		}
		offset := min(sec.offset, p.size)
		size := p.size - offset
		if sec.partial {
			size = min(size, sec.count)
		}
		m.s.enc.LiteralSize(size, p.nul)
		return m.body.decode(ctx, sec, &window{w: m.s.enc, skip: offset, left: size})
	}
	return it
}

// binarySizeItem is BINARY.SIZE[…].
func binarySizeItem(sec *section) fetchItem {
	it := fetchItem{name: "BINARY.SIZE[", row: true, cols: mail.ColBlob | mail.ColOctets | mail.ColParts}
	it.check = func(ctx context.Context, m *fetched) error { return m.measure(ctx, sec) }
	it.write = func(_ context.Context, m *fetched) error {
		sec.write(m.s.enc, "BINARY.SIZE")
		m.s.enc.Number(uint64(m.of(sec).size))
		return nil
	}
	return it
}

// measure decodes the part once to learn its size and whether it has NULs;
// an encoding that can't be undone refuses the FETCH (RFC 3516 §4.3).
func (m *fetched) measure(ctx context.Context, sec *section) error {
	_, ok, err := m.body.find(ctx, sec)
	if err != nil {
		return err
	}
	var c counter
	if ok {
		err = m.body.decode(ctx, sec, &c)
	}
	m.prepared = append(m.prepared, prepared{sec: sec, ok: ok, size: c.n, nul: c.nul})
	return err
}
