package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A fake answers like Prometheus for one service with constant traffic. What a
// real one answers is in the recording; this is for what a real one does not do
// on demand.
type fake struct {
	perMinute, badPerMinute float64
	empty                   bool                      // it knows no series
	since                   time.Time                 // it forgot everything before
	gapFrom, gapTo          time.Time                 // in between it scraped nothing
	handle                  func(http.ResponseWriter) // answers instead, if set
	hang                    bool                      // never answers
	seen                    func(*http.Request)
}

func (f *fake) start(t *testing.T) string {
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

var windowOf = regexp.MustCompile(`\[(\d+)(ms|s|m|h|d)\]`)

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.seen != nil {
		f.seen(r)
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case f.hang:
		io.Copy(io.Discard, r.Body) // the server sees that the client leaves only behind the body
		<-r.Context().Done()
	case f.handle != nil:
		f.handle(w)
	case strings.HasSuffix(r.URL.Path, "/query"):
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[%s]}}`, f.vector(r))
	case strings.HasSuffix(r.URL.Path, "/query_range"):
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[%s]}}`, f.matrix(r))
	case strings.HasSuffix(r.URL.Path, "/runtimeinfo"):
		fmt.Fprint(w, `{"status":"success","data":{"storageRetention":"15d"}}`)
	default:
		fmt.Fprint(w, `{"status":"success","data":[]}`)
	}
}

// vector answers with the events of the window in the query, all and bad.
func (f *fake) vector(r *http.Request) string {
	if f.empty {
		return ""
	}
	m := windowOf.FindStringSubmatch(r.FormValue("query"))
	unit := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[m[2]]
	n, _ := strconv.Atoi(m[1])
	minutes := (time.Duration(n) * unit).Minutes()
	return fmt.Sprintf(`{"metric":{"sre_part":"total"},"value":[%[1]s,"%[2]v"]},{"metric":{"sre_part":"part"},"value":[%[1]s,"%[3]v"]}`,
		r.FormValue("time"), f.perMinute*minutes, f.badPerMinute*minutes)
}

// matrix answers with one sample at each step.
func (f *fake) matrix(r *http.Request) string {
	number := func(name string) float64 {
		v, _ := strconv.ParseFloat(r.FormValue(name), 64)
		return v
	}
	var points []string
	for at := number("start"); at <= number("end"); at += number("step") {
		if end := time.Unix(int64(at), 0); !f.empty && !end.Before(f.since) && !(end.After(f.gapFrom) && end.Before(f.gapTo)) {
			points = append(points, fmt.Sprintf(`[%v,"1"]`, strconv.FormatFloat(at, 'f', -1, 64)))
		}
	}
	if len(points) == 0 {
		return ""
	}
	return `{"metric":{},"values":[` + strings.Join(points, ",") + `]}`
}

// byFlags asks a server about an SLO that the command line describes.
func byFlags(url string, more ...string) []string {
	return append([]string{"-prometheus", url, "-total", `requests_total{job="shop"}`, "-bad", `requests_total{job="shop",code="500"}`,
		"-objective", "99.9%", "-window", "30d"}, more...)
}
