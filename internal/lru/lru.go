// Package lru keeps a bounded number of values, forgetting the one that was
// unused for longest. Everything a stranger can make us remember is kept in
// one of these.
package lru

import "container/list"

// Map is a bounded map. It is not safe for concurrent use: its owner has a
// lock anyway.
type Map[K comparable, V any] struct {
	max   int
	order *list.List // front: used last
	at    map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// New makes a Map of at most max entries.
func New[K comparable, V any](max int) *Map[K, V] {
	return &Map[K, V]{max: max, order: list.New(), at: map[K]*list.Element{}}
}

// Get gives the value of k and counts as a use.
func (m *Map[K, V]) Get(k K) (V, bool) {
	if e, ok := m.at[k]; ok {
		m.order.MoveToFront(e)
		return e.Value.(*entry[K, V]).value, true
	}
	var zero V
	return zero, false
}

// Put sets the value of k, dropping the value unused for longest when full.
func (m *Map[K, V]) Put(k K, v V) {
	if e, ok := m.at[k]; ok {
		e.Value.(*entry[K, V]).value = v
		m.order.MoveToFront(e)
		return
	}
	for m.order.Len() >= m.max {
		last := m.order.Back()
		m.order.Remove(last)
		delete(m.at, last.Value.(*entry[K, V]).key)
	}
	m.at[k] = m.order.PushFront(&entry[K, V]{k, v})
}

// Delete forgets k.
func (m *Map[K, V]) Delete(k K) {
	if e, ok := m.at[k]; ok {
		m.order.Remove(e)
		delete(m.at, k)
	}
}

// Len counts the entries.
func (m *Map[K, V]) Len() int { return m.order.Len() }
