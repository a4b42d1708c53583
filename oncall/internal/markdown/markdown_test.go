package markdown_test

import (
	"testing"

	"github.com/sre-sdk/sre/oncall/internal/markdown"
)

func TestCellIsPlainText(t *testing.T) {
	for text, want := range map[string]string{
		"plain": "plain", "a|b": `a\|b`, `a\|b`: `a\\\|b`, "a\r\nb": "a  b", "<b>&": "&lt;b>&amp;", "*a* _b_ `c` [d](e)": "\\*a\\* \\_b\\_ \\`c\\` \\[d](e)",
	} {
		if got := markdown.Cell(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
