package imapd

import (
	"context"

	"postroom/internal/mail"
)

// sectionItem is BODY[…] (RFC 9051 §6.4.5).
func sectionItem(name string, sec *section, seen bool) fetchItem {
	it := fetchItem{name: name + "[", row: true, seen: seen, cols: sec.columns()}
	it.write = func(ctx context.Context, m *fetched) error {
		sp, ok, err := m.body.find(ctx, sec)
		if err != nil {
			return err
		}
		sec.write(m.s.enc, name)
		if !ok {
			m.s.enc.Raw("NIL")
			return nil
		}
		if sec.partial {
			sp = sp.slice(sec.offset, sec.count)
		}
		return m.literal(ctx, sp)
	}
	return it
}

// rfc822Item is RFC822, RFC822.HEADER or RFC822.TEXT (RFC 3501 §6.4.5).
func rfc822Item(name, text string, seen bool) fetchItem {
	sec := &section{text: text}
	return fetchItem{name: name, row: true, seen: seen, cols: sec.columns(), write: func(ctx context.Context, m *fetched) error {
		sp, _, err := m.body.find(ctx, sec)
		if err != nil {
			return err
		}
		m.s.enc.Raw(name, " ")
		return m.literal(ctx, sp)
	}}
}

// literal streams a span as a literal. An error leaves the response broken.
func (m *fetched) literal(ctx context.Context, sp span) error {
	m.s.enc.LiteralSize(sp.size(), false)
	return m.body.copy(ctx, m.s.enc, sp)
}

// binaryItem is BINARY[…] and BINARY.PEEK[…]: the part without its transfer
// encoding (RFC 9051 §6.4.5.1, RFC 3516 §4.2).
func binaryItem(sec *section, seen bool) fetchItem {
	it := fetchItem{name: "BINARY[", row: true, seen: seen, cols: mail.ColBlob | mail.ColParts}
	it.check = func(ctx context.Context, m *fetched) error { return m.measure(ctx, sec) }
	it.write = func(ctx context.Context, m *fetched) error {
		sec.write(m.s.enc, "BINARY")
		size, ok := m.sizes[sec]
		if !ok {
			m.s.enc.Raw("NIL")
			return nil
		}
		offset := min(sec.offset, size)
		size -= offset
		if sec.partial {
			size = min(size, sec.count)
		}
		m.s.enc.LiteralSize(size, m.nul[sec])
		return m.body.decode(ctx, sec, &window{w: m.s.enc, skip: offset, left: size})
	}
	return it
}

// binarySizeItem is BINARY.SIZE[…].
func binarySizeItem(sec *section) fetchItem {
	it := fetchItem{name: "BINARY.SIZE[", row: true, cols: mail.ColBlob | mail.ColParts}
	it.check = func(ctx context.Context, m *fetched) error { return m.measure(ctx, sec) }
	it.write = func(_ context.Context, m *fetched) error {
		sec.write(m.s.enc, "BINARY.SIZE")
		m.s.enc.Number(uint64(m.sizes[sec]))
		return nil
	}
	return it
}

// measure decodes the part once to learn its size and whether it has NULs;
// an encoding that can't be undone refuses the FETCH (RFC 3516 §4.3).
func (m *fetched) measure(ctx context.Context, sec *section) error {
	_, ok, err := m.body.find(ctx, sec)
	if err != nil || !ok {
		return err
	}
	var c counter
	if err := m.body.decode(ctx, sec, &c); err != nil {
		return err
	}
	if m.sizes == nil {
		m.sizes, m.nul = map[*section]int64{}, map[*section]bool{}
	}
	m.sizes[sec], m.nul[sec] = c.n, c.nul
	return nil
}
