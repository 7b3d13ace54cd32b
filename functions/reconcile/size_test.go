package main

import (
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/local/localtest"
)

func TestSize(t *testing.T) {
	t.Parallel()
	localtest.Weigh(t)
}

func BenchmarkStart(b *testing.B) { localtest.MeasureStart(b) }
