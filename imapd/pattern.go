package imapd

// matchMailbox matches a LIST pattern (RFC 9051 §6.3.9): "*" is any run of
// characters, "%" any run without the hierarchy separator. It remembers which
// pattern positions are reachable, so no pattern takes more than
// len(pattern) × len(name) steps.
func matchMailbox(pattern, name string) bool {
	at := make([]bool, len(pattern)+1)
	next := make([]bool, len(pattern)+1)
	at[0] = true
	spread(pattern, at)
	for i := 0; i < len(name); i++ {
		clear(next)
		for j := 0; j < len(pattern); j++ {
			if !at[j] {
				continue
			}
			switch pattern[j] {
			case '*':
				next[j] = true
			case '%':
				next[j] = next[j] || name[i] != '/'
			case name[i]:
				next[j+1] = true
			}
		}
		spread(pattern, next)
		at, next = next, at
	}
	return at[len(pattern)]
}

// spread lets wildcards match nothing.
func spread(pattern string, at []bool) {
	for j := 0; j < len(pattern); j++ {
		if at[j] && (pattern[j] == '*' || pattern[j] == '%') {
			at[j+1] = true
		}
	}
}
