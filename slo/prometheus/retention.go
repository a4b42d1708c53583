package prometheus

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// checkHead looks into missing data: all of it, or that at the start of the
// longest span.
func (r *reader) checkHead(ctx context.Context, m meter, some, head bool, remedy string) error {
	if !some {
		if err := r.checkKnown(ctx, m, remedy); err != nil {
			return err
		}
	}
	if !head {
		return r.checkRetention(ctx)
	}
	return nil
}

// checkRetention tells data that the server has dropped from data that never
// was. Only Prometheus itself knows; Thanos, Mimir and VictoriaMetrics do not
// answer, and then the missing time stays what it is, unmeasured.
func (r *reader) checkRetention(ctx context.Context) error {
	data, err := r.client.get(ctx, "status/runtimeinfo", nil)
	if ctx.Err() != nil {
		return canceled(ctx)
	}
	var info struct {
		StorageRetention string `json:"storageRetention"`
	}
	if err != nil || json.Unmarshal(data, &info) != nil {
		return nil
	}
	keeps := retention(info.StorageRetention)
	if keeps > 0 && keeps < r.longest {
		return &RetentionError{Retention: keeps, Span: r.longest}
	}
	return nil
}

// retention reads "15d", "512MB" and "15d or 512MB"; 0 if no time is named.
func retention(text string) time.Duration {
	for limit := range strings.SplitSeq(text, " or ") {
		if d, err := model.ParseDuration(strings.TrimSpace(limit)); err == nil {
			return time.Duration(d)
		}
	}
	return 0
}
