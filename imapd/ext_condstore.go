package imapd

import (
	"context"
	"slices"

	"postroom/internal/mail"
)

// storeTries is how often a STORE meets other sessions' changes of the same
// messages before it gives up on them.
const storeTries = 2

// storeSame goes on with a conditional +FLAGS or -FLAGS. A message has one
// modseq for all its flags, so UNCHANGEDSINCE also stops at messages on which
// only others changed. Those are stored as they are known now (RFC 7162
// §3.1.12): MODIFIED names those whose flags in question changed, or may have.
func (s *session) storeSame(ctx context.Context, a storeArgs, uid bool, res *stored) error {
	for try := 0; try < storeTries && len(res.modified) > 0; try++ {
		if err := s.numbers(ctx); err != nil {
			return err
		}
		same, err := s.sameFlags(ctx, a, res.modified)
		if err != nil || len(same) == 0 {
			return err
		}
		now := s.sel.view.Synced()
		if err := s.storeFlags(ctx, a, uid, same, &now, res); err != nil {
			return err
		}
	}
	return nil
}

// sameFlags gives the messages of uids that have the flags and keywords of a
// STORE as they had them at its UNCHANGEDSINCE.
func (s *session) sameFlags(ctx context.Context, a storeArgs, uids mail.UIDSet) (same mail.UIDSet, err error) {
	for _, now := range s.sel.view.All(uids) {
		if err := s.keywordsOf(ctx, now.Keywords); err != nil {
			return nil, err
		}
		then, ok := s.sel.view.AsOf(now.UID, *a.unchangedSince)
		if ok && (then.Flags^now.Flags)&a.flags.flags == 0 && s.sameKeywords(a.flags.keywords, then.Keywords, now.Keywords) {
			same.Append(now.UID)
		}
	}
	return same, nil
}

// sameKeywords tells whether two sets of keywords have the same of names.
func (s *session) sameKeywords(names []string, then, now []int16) bool {
	of := func(ids []int16) (out []int16) {
		for _, id := range ids {
			if slices.ContainsFunc(names, func(n string) bool { return equalFold(n, s.keywordName(id)) }) {
				out = append(out, id)
			}
		}
		return out
	}
	return len(names) == 0 || slices.Equal(of(then), of(now))
}
