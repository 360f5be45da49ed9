package testnet

import (
	"errors"
	"math"
	"path/filepath"
	"testing"
)

func TestFlagsThatCannotBeAreNamed(t *testing.T) {
	for flag, options := range map[string][]Options{
		"--rate":         {{Rate: math.NaN()}, {Rate: math.Inf(1)}, {Rate: -1}, {Rate: 1e300}, {Rate: 1e-300}},
		"--members":      {{Members: -1}, {Members: maxMembers + 1}},
		"--intents-file": {{IntentsFile: filepath.Join(t.TempDir(), "none")}},
	} {
		for _, o := range options {
			var e *OptionError
			if err := o.Validate(); !errors.As(err, &e) || e.Flag != flag || e.Remedy == "" {
				t.Errorf("%+v: %v", o, err)
			}
		}
	}
	for _, rate := range []float64{0, minRate, 100, maxRate} {
		if err := (&Options{Rate: rate}).Validate(); err != nil {
			t.Errorf("rate %g: %v", rate, err)
		}
	}
}
