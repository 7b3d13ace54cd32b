package event_test

import (
	"testing"

	"github.com/trimtab-ecs/trimtab/internal/event"
)

// BenchmarkDecode measures one sample of each shape. Its budget is the own CPU
// time of a decision, 50 microseconds, of which decoding is a part.
func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{
		"aws.cloudwatch.alarm-state-change.high-cpu", "aws.cloudwatch.alarm-state-change.composite-suppressed",
		"aws.cloudwatch.alarm-action.high-cpu", "aws.sns.alarm.high-cpu", "aws.ecs.service-action.placement-failure",
		"aws.events.scheduled-event.minute", "trimtab.evaluate.dry-run", "aws.autoscaling.terminate-lifecycle-action.scale-in",
		"aws.ecs.container-instance-state-change.draining", "aws.sqs.batch.through-sns",
	} {
		raw := readSample(b, name+".json")
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := event.Decode(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
