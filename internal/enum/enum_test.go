package enum_test

import (
	"testing"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/internal/enum"
)

func TestNamesReadBack(t *testing.T) {
	names := []string{"unknown", "small", "large"}
	for v := range uint8(3) {
		text, err := enum.Marshal(names, "size", v)
		if err != nil || string(text) != enum.Name(names, "size", v) {
			t.Errorf("Marshal(%d) = %q, %v; Name is %q", v, text, err, enum.Name(names, "size", v))
		}
		var back uint8
		if err := enum.Unmarshal(names, "size", text, &back); err != nil || back != v {
			t.Errorf("Unmarshal(%q) = %d, %v", text, back, err)
		}
	}
	if got := enum.Name(names, "size", 9); got != "size(9)" {
		t.Errorf("the name of 9 is %q", got)
	}
	_, err := enum.Marshal(names, "size", 9)
	into := uint8(1)
	for _, err := range []error{err, enum.Unmarshal(names, "size", []byte("Small"), &into)} {
		if p := sre.ProblemsIn(err); len(p) != 1 || p[0].Code != "unknown_size" {
			t.Errorf("%v, want an unknown_size", err)
		}
	}
	if into != 1 {
		t.Errorf("a bad name has changed the value to %d", into)
	}
}
