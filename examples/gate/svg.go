package main

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/sre-sdk/sre/budget"
)

const (
	pictureWidth  = 9 * vg.Inch
	pictureHeight = 5 * vg.Inch
	pictureMargin = vg.Inch / 6
)

var sans = font.Font{Typeface: "Liberation", Variant: "Sans"}

// Colors that people with any color vision tell apart (Okabe and Ito, "Color
// Universal Design", 2008), one for each SLO, and vermilion for thresholds.
var (
	lineColors = []color.Color{
		color.RGBA{0, 114, 178, 255}, color.RGBA{0, 158, 115, 255}, color.RGBA{204, 121, 167, 255},
		color.RGBA{230, 159, 0, 255}, color.RGBA{86, 180, 233, 255},
	}
	thresholdColor = color.RGBA{213, 94, 0, 255}
	gridColor      = color.Gray{220}
)

// picture draws every burn-down as SVG: what was left of each budget, in
// percent, over its period, with the thresholds of the policy. What the lines
// are stands below them, where no line can run through it.
func picture(r report) ([]byte, error) {
	p, legend := newPlot(), newLegend()
	var drawn []burndown
	var failures []error
	for _, b := range r.burndowns {
		if b.err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", b.slo.ID(), b.err))
			continue
		}
		if err := addLine(p, &legend, b, lineColors[len(drawn)%len(lineColors)]); err != nil {
			return nil, err
		}
		drawn = append(drawn, b)
	}
	if len(drawn) == 0 {
		return nil, errors.Join(append(failures, errors.New("no budget was measured"))...)
	}
	p.Title.Text = title(r, drawn)
	p.X.Tick.Marker, p.Y.Tick.Marker = dayTicks{}, percentTicks{}
	p.Y.Min, p.Y.Max = 20*math.Floor(min(p.Y.Min, 0)/20), 100
	if err := addThresholds(p, &legend, r.decision.Policy(), drawn); err != nil {
		return nil, err
	}

	canvas, err := draw.NewFormattedCanvas(pictureWidth, pictureHeight, "svg")
	if err != nil {
		return nil, err
	}
	all := draw.New(canvas)
	all.SetColor(color.White)
	all.Fill(all.Rectangle.Path())
	inner := draw.Crop(all, pictureMargin, -2*pictureMargin, pictureMargin, -pictureMargin)
	below := legend.Rectangle(inner).Size().Y
	p.Draw(draw.Crop(inner, 0, 0, below+pictureMargin, 0))
	legend.Draw(draw.Crop(inner, 0, 0, 0, below-inner.Size().Y))
	var out bytes.Buffer
	_, err = canvas.WriteTo(&out)
	return out.Bytes(), err
}

func newLegend() plot.Legend {
	l := plot.NewLegend()
	l.TextStyle.Font = font.From(sans, 11)
	l.Padding = vg.Points(3)
	l.Left = true
	l.XOffs = vg.Points(50) // right of the labels of the axis
	return l
}

func newPlot() *plot.Plot {
	p := plot.New()
	p.Title.TextStyle.Font = font.From(sans, 14)
	p.Title.Padding = vg.Points(10)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font = font.From(sans, 12)
		axis.Label.Padding = vg.Points(6)
		axis.Tick.Label.Font = font.From(sans, 11)
		axis.Padding = 0
	}
	p.X.Label.Text = "time (UTC)"
	p.Y.Label.Text = "error budget remaining (% of the period's budget)"
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = gridColor, gridColor
	p.Add(grid)
	return p
}

func title(r report, drawn []burndown) string {
	text := fmt.Sprintf("Error budgets of %d SLOs", len(drawn))
	if len(drawn) == 1 {
		spec := drawn[0].slo.Spec()
		text = fmt.Sprintf("Error budget of %s: %s over %s", spec.ID, spec.Objective, spec.Window)
	}
	return fmt.Sprintf("%s (decision: %s)", text, r.decision.Outcome)
}

func addLine(p *plot.Plot, legend *plot.Legend, b burndown, c color.Color) error {
	points := plotter.XYs{{X: float64(b.start.Unix()), Y: 100}}
	for _, at := range b.points {
		points = append(points, plotter.XY{X: float64(at.at.Unix()), Y: 100 * at.remaining})
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.Color, line.Width = c, vg.Points(2)
	end, err := plotter.NewScatter(points[len(points)-1:])
	if err != nil {
		return err
	}
	end.GlyphStyle = draw.GlyphStyle{Color: c, Radius: vg.Points(4), Shape: draw.CircleGlyph{}}
	p.Add(line, end)
	p.X.Max = max(p.X.Max, float64(b.end.Unix())) // a calendar period goes on
	legend.Add(fmt.Sprintf("%s: %s left", b.slo.ID(), percent(b.last().remaining)), line)
	return nil
}

// addThresholds draws the thresholds that hold for one of the SLOs.
func addThresholds(p *plot.Plot, legend *plot.Legend, policy *budget.Compiled, drawn []burndown) error {
	for i, t := range policy.Policy().Thresholds {
		if !applies(t, drawn) {
			continue
		}
		y := 100 * t.Below.Float()
		line, err := plotter.NewLine(plotter.XYs{{X: p.X.Min, Y: y}, {X: p.X.Max, Y: y}})
		if err != nil {
			return err
		}
		line.Color, line.Width = thresholdColor, vg.Points(1.5)
		line.Dashes = []vg.Length{vg.Points(float64(8 - 2*min(i, 3))), vg.Points(4)}
		p.Add(line)
		legend.Add(fmt.Sprintf("%s below %s (%s)", t.Effect, t.Below.Percent(), t.Name), line)
	}
	return nil
}

func applies(t budget.Threshold, drawn []burndown) bool {
	for _, b := range drawn {
		for _, c := range t.Criticality {
			if c == b.slo.Criticality() {
				return true
			}
		}
	}
	return t.Criticality == nil
}

// percentTicks marks every twenty percent, or less often if that is too much.
type percentTicks struct{}

// Ticks implements plot.Ticker.
func (percentTicks) Ticks(from, to float64) []plot.Tick {
	const most = 10
	step := 20 * max(1, math.Ceil((to-from)/20/most))
	var ticks []plot.Tick
	for y := math.Ceil(from/step) * step; y <= to; y += step {
		ticks = append(ticks, plot.Tick{Value: y, Label: fmt.Sprintf("%.0f%%", y)})
	}
	return ticks
}

// dayTicks marks midnights, or hours if there are few days.
type dayTicks struct{}

// Ticks implements plot.Ticker.
func (dayTicks) Ticks(from, to float64) []plot.Tick {
	const most = 9 // labels that fit
	step, form := time.Hour, "15:04"
	span := time.Duration(to-from) * time.Second
	for _, larger := range []struct {
		step time.Duration
		form string
	}{
		{3 * time.Hour, "Jan 2 15:04"}, {12 * time.Hour, "Jan 2 15:04"}, {24 * time.Hour, "Jan 2"}, {2 * 24 * time.Hour, "Jan 2"},
		{4 * 24 * time.Hour, "Jan 2"}, {7 * 24 * time.Hour, "Jan 2"}, {14 * 24 * time.Hour, "Jan 2"}, {28 * 24 * time.Hour, "Jan 2"}, {56 * 24 * time.Hour, "Jan 2"},
	} {
		if span/step <= most {
			break
		}
		step, form = larger.step, larger.form
	}
	var ticks []plot.Tick
	seconds := step.Seconds()
	for at := math.Ceil(from/seconds) * seconds; at <= to; at += seconds {
		ticks = append(ticks, plot.Tick{Value: at, Label: time.Unix(int64(at), 0).UTC().Format(form)})
	}
	return ticks
}
