package report

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

// page renders with the library in it.
func page(t *testing.T, p Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// markup is a page without what stands in its scripts and styles.
func markup(t *testing.T, p Page) string {
	t.Helper()
	return regexp.MustCompile(`(?s)(<script[^>]*>).*?</script>|<style>.*?</style>`).ReplaceAllString(page(t, p), "$1")
}

func TestNothingEscapes(t *testing.T) {
	t.Parallel()
	page := write(t, small(), library{})
	for _, bad := range []string{"<script>alert", "<img", "onerror=alert(1)>", "<b>63", "<b> were", "most <b>", "defaults <b>", "<someone>", "<day>", "<one>", "<against>"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q of the data stands in the page as it is", bad)
		}
	}
	if opened, closed := strings.Count(page, "<script"), strings.Count(page, "</script>"); opened != 3 || closed != 3 {
		t.Errorf("%d scripts open and %d close, want 3", opened, closed)
	}
}

// The page asks nothing of the network, and its parts are all there.
func TestSelfContained(t *testing.T) {
	t.Parallel()
	page := page(t, small())
	if m := regexp.MustCompile(`(?i)(src|href|action|poster|data|srcset)\s*=\s*["'][^"']|url\(|@import|fetch\(|XMLHttpRequest|WebSocket|sendBeacon|import\(`).FindString(page); m != "" {
		t.Errorf("the page reaches out: %q", m)
	}
	for _, part := range []string{
		`default-src 'none'`, "var uPlot=", "Permission is hereby granted", "Copyright (c) 2022 Leon Sorokin", "<noscript>", "<svg",
		`id="t0p0d1"`, "00:30:00", "20 → 21", "▲", "▼", "2 min 10 s", "0.0010 %", "prefers-color-scheme: dark", "◆", "★",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("%q is not in the page", part)
		}
	}
	if n := len(page); n > 140_000 {
		t.Errorf("a page of an hour has %d bytes", n)
	}
}

// What a screen reader and a script go by: ids are unique and what refers to one
// finds it, headings leave out no level, and charts have names.
func TestStructure(t *testing.T) {
	t.Parallel()
	for _, p := range []Page{small(), {Curves: small().Curves}, {Tables: small().Tables}, fortnight()} {
		m := markup(t, p)
		ids := map[string]bool{}
		for _, id := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(m, -1) {
			if ids[id[1]] {
				t.Errorf("id %q stands twice", id[1])
			}
			ids[id[1]] = true
		}
		for _, ref := range regexp.MustCompile(`aria-labelledby="([^"]*)"`).FindAllStringSubmatch(m, -1) {
			if !ids[ref[1]] {
				t.Errorf("something is labelled by %q, which is not there", ref[1])
			}
		}
		level := 0
		for _, h := range regexp.MustCompile(`<h([1-6])`).FindAllStringSubmatch(m, -1) {
			at := int(h[1][0] - '0')
			if at > level+1 {
				t.Errorf("a heading of level %d follows one of level %d", at, level)
			}
			level = at
		}
		if n := strings.Count(m, "<h1"); n != 1 {
			t.Errorf("%d first headings", n)
		}
		for _, tag := range regexp.MustCompile(`<[^>]*(class="(chart|plot|dot)[" ]|role="img")[^>]*>`).FindAllString(m, -1) {
			if !strings.Contains(tag, "aria-label") {
				t.Errorf("a chart without a name: %s", tag)
			}
		}
	}
}

func TestSizeOfAFortnight(t *testing.T) {
	t.Parallel()
	p := fortnight()
	page := page(t, p)
	t.Logf("14 days under 5 policies: %d bytes", len(page))
	if len(page) > 1_500_000 {
		t.Errorf("14 days under 5 policies are %d bytes", len(page))
	}
	for _, part := range []string{"The 600 largest of 2016.", "of the 20161 samples are drawn", "Jun 23 00:10:00"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page does not say %q", part)
		}
	}
}
