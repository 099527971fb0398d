package lru

import "testing"

func TestForgetsTheLeastUsed(t *testing.T) {
	m := New[int, string](2)
	m.Put(1, "a")
	m.Put(2, "b")
	m.Get(1)
	m.Put(3, "c")
	if _, ok := m.Get(2); ok {
		t.Error("2 was used least and is still there")
	}
	if v, _ := m.Get(1); v != "a" || m.Len() != 2 {
		t.Error(v, m.Len())
	}
	m.Put(1, "A")
	m.Delete(3)
	m.Delete(3)
	if v, _ := m.Get(1); v != "A" || m.Len() != 1 {
		t.Error(v, m.Len())
	}
}
