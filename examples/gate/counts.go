package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sre-sdk/sre"
	"github.com/sre-sdk/sre/slo"
)

// maxCounts is the largest file of counts, in bytes.
const maxCounts = 1 << 20

// countsFile is what stands in the file of -counts; doc.go describes it.
type countsFile struct {
	At     string       `json:"at"`
	Counts []countsItem `json:"counts"`
}

type countsItem struct {
	SLO     string  `json:"slo"`
	Span    string  `json:"span"`
	Good    decimal `json:"good"`
	Bad     decimal `json:"bad"`
	Covered string  `json:"covered"`
}

// A decimal is a JSON number, or the same as text. It keeps the digits.
type decimal string

// UnmarshalJSON takes "12.5" and 12.5 alike.
func (d *decimal) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	*d = decimal(text)
	return nil
}

// fileCounts is a [slo.Source] over a file.
type fileCounts struct {
	at    time.Time
	spans map[countsKey]slo.Counts
}

type countsKey struct {
	slo  string // "" for the only one
	span time.Duration
}

// readCountsFile reads a file of counts and records every problem with it.
func readCountsFile(name string, p *sre.Problems) *fileCounts {
	source := &fileCounts{spans: map[countsKey]slo.Counts{}}
	file, err := os.Open(name)
	if err != nil {
		p.Add("-counts", "unreadable", name, "a readable file: "+cause(err))
		return source
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxCounts+1))
	if err != nil || len(data) > maxCounts {
		p.Add("-counts", "unreadable", name, fmt.Sprintf("a file of at most %d bytes", maxCounts))
		return source
	}
	var content countsFile
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&content); err != nil {
		line := 1 + bytes.Count(data[:min(dec.InputOffset(), int64(len(data)))], []byte("\n"))
		p.Add(fmt.Sprintf("-counts: %s:%d", name, line), "invalid_json", err, "an object as gate -help shows it")
		return source
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		p.Add("-counts: "+name, "invalid_json", nil, "nothing after the object")
	}
	if source.at, err = time.Parse(time.RFC3339, content.At); err != nil {
		p.Add("-counts: "+name+": at", "invalid_instant", content.At, "RFC 3339, such as 2026-04-29T12:00:00Z")
	}
	for i, item := range content.Counts {
		source.add(item, fmt.Sprintf("-counts: %s: counts[%d]", name, i), p)
	}
	return source
}

// add takes one entry, unless there is a problem with it.
func (s *fileCounts) add(item countsItem, path string, p *sre.Problems) {
	before := p.Len()
	read := func(field, text string) time.Duration {
		d, err := parseSpan(text)
		if field == "covered" && (text == "0" || text == "0s") {
			return 0
		}
		p.Merge(path+"."+field, err)
		return d
	}
	number := func(field string, d decimal) float64 {
		n, ok := d.float()
		if !ok {
			p.Add(path+"."+field, "invalid_count", string(d), "a decimal number, such as 1499000 or \"1499000.25\"")
		}
		return n
	}
	c := slo.Counts{
		Span:    read("span", item.Span),
		Good:    number("good", item.Good),
		Bad:     number("bad", item.Bad),
		Covered: read("covered", item.Covered),
	}
	if p.Len() == before {
		p.Merge(path, c.Validate())
	}
	key := countsKey{item.SLO, c.Span}
	if _, twice := s.spans[key]; twice {
		p.Add(path, "duplicate", item.Span, "one entry for each SLO and span")
	}
	if p.Len() == before {
		s.spans[key] = c
	}
}

// float returns the number if d is one as JSON writes it.
func (d decimal) float() (float64, bool) {
	if strings.Trim(string(d), "0123456789.eE+-") != "" || !json.Valid([]byte(d)) {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(d), 64)
	return n, err == nil
}

// Counts implements [slo.Source]. A span that the file does not hold is an
// error that names all such spans: nothing is made up from other spans.
func (s *fileCounts) Counts(ctx context.Context, c *slo.Compiled, at time.Time, spans []time.Duration) ([]slo.Counts, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !at.Equal(s.at) {
		return nil, fmt.Errorf("counts: %w: the file was measured at %s, and %s of %s is asked for", slo.ErrNoData, s.at.Format(time.RFC3339), at.Format(time.RFC3339), c.ID())
	}
	var (
		list    []slo.Counts
		missing []string
	)
	for _, span := range spans {
		n, ok := s.spans[countsKey{c.ID(), span}]
		if !ok {
			n, ok = s.spans[countsKey{"", span}]
		}
		if !ok {
			missing = append(missing, formatSpan(span))
		}
		list = append(list, n)
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("counts: %w: the file has no entry of %s for the span %s", slo.ErrNoData, c.ID(), strings.Join(missing, ", "))
	}
	return list, nil
}
