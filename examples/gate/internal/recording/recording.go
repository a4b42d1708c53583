package recording

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A Recording is a set of exchanges with one server.
type Recording struct {
	Server    string     // what answered, such as "prometheus 2.42.0"
	Exchanges []Exchange // sorted by request
}

// An Exchange is one request and its answer. The request is told by its method,
// path and parameters, wherever these stood, in the query or in the form.
type Exchange struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Params string `json:"params"` // sorted and percent-encoded

	Status int    `json:"status"`
	Type   string `json:"type"` // the media type of Body
	Body   string `json:"body"`
}

// request returns the part of e that tells requests apart.
func (e Exchange) request() string { return e.Method + " " + e.Path + "?" + e.Params }

// describe returns the request part of the exchange that req begins, and its
// body, which describe has read.
func describe(req *http.Request) (e Exchange, body []byte, err error) {
	if req.Body != nil {
		if body, err = io.ReadAll(req.Body); err != nil {
			return e, nil, err
		}
	}
	params := req.URL.Query()
	if strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return e, nil, err
		}
		for name, values := range form {
			params[name] = append(params[name], values...)
		}
	}
	params.Del("timeout") // how long the client waits does not change the answer
	return Exchange{Method: req.Method, Path: req.URL.Path, Params: params.Encode()}, body, nil
}

// add takes a further exchange. It refuses one that contradicts an earlier one:
// a server that answers the same question in two ways cannot be played back.
func (r *Recording) add(e Exchange) error {
	i, found := slices.BinarySearchFunc(r.Exchanges, e, compare)
	switch {
	case !found:
		r.Exchanges = slices.Insert(r.Exchanges, i, e)
	case r.Exchanges[i] != e:
		return fmt.Errorf("recording: two answers to %s", e.request())
	}
	return nil
}

func compare(a, b Exchange) int { return strings.Compare(a.request(), b.request()) }

// Encode writes the server's name and then one exchange per line, in JSON,
// sorted by request, so that the same recording has the same bytes and a change
// of it shows in a diff.
func (r *Recording) Encode(w io.Writer) error {
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	if err := lines.Encode(r.Server); err != nil {
		return err
	}
	for _, e := range r.Exchanges {
		packed := e
		packed.Body = packRuns(e.Body)
		if expandRuns(packed.Body) != e.Body {
			return fmt.Errorf("recording: the answer to %s cannot be stored", e.request())
		}
		if err := lines.Encode(packed); err != nil {
			return err
		}
	}
	return nil
}

// Decode reads what Encode wrote.
func Decode(from io.Reader) (*Recording, error) {
	lines := json.NewDecoder(from)
	r := &Recording{}
	if err := lines.Decode(&r.Server); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	for {
		var e Exchange
		if err := lines.Decode(&e); err == io.EOF {
			return r, nil
		} else if err != nil {
			return nil, fmt.Errorf("recording: %w", err)
		}
		e.Body = expandRuns(e.Body)
		if err := r.add(e); err != nil {
			return nil, err
		}
	}
}
