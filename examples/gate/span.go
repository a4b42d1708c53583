package main

import (
	"regexp"
	"strconv"
	"time"

	"github.com/sre-sdk/sre"
)

var spanForm = regexp.MustCompile(`^(?:([0-9]{1,3})w)?(?:([0-9]{1,4})d)?(.*)$`)

// parseSpan reads a duration as time.ParseDuration does, with weeks and days
// before it: 30d, 1w, 1d12h. A day has 24 hours.
func parseSpan(text string) (time.Duration, error) {
	invalid := sre.Problem{Code: "invalid_duration", Value: text, Want: "a positive duration such as 30d, 4w or 90m"}
	parts := spanForm.FindStringSubmatch(text)
	if parts == nil {
		return 0, invalid
	}
	weeks, _ := strconv.Atoi(parts[1]) // no digits are none
	days, _ := strconv.Atoi(parts[2])
	sum := time.Duration(7*weeks+days) * 24 * time.Hour
	if parts[3] != "" {
		rest, err := time.ParseDuration(parts[3])
		if err != nil || rest < 0 {
			return 0, invalid
		}
		sum += rest
	}
	if sum <= 0 {
		return 0, invalid
	}
	return sum, nil
}
