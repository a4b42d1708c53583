package prometheus

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
)

// checkKnown is asked when nothing was found in the longest span. It tells a
// gap, which is unmeasured time, from a query that selects nothing at all, at
// whatever time, which is a NoDataError. A server that does not answer the
// lookup leaves only what is known: no data.
func (r *reader) checkKnown(ctx context.Context, m meter, remedy string) error {
	unknown := &NoDataError{Query: m.text(), Remedy: remedy}
	match := url.Values{}
	for _, s := range m.selectors() {
		match.Add("match[]", s.String())
	}
	if len(match) == 0 {
		return unknown
	}
	data, err := r.client.get(ctx, "label/__name__/values", match)
	if err != nil && !errors.Is(err, ErrResponse) {
		return err
	}
	var names []string
	if err != nil || json.Unmarshal(data, &names) != nil || len(names) == 0 {
		return unknown
	}
	return nil
}
