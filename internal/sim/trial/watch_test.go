package trial_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/sim/trace"
	"github.com/trimtab-ecs/trimtab/internal/sim/trial"
)

// hours is a load that doubles and falls back within four hours.
func hours(t *testing.T) *trial.Course {
	t.Helper()
	tr, err := trace.Read(bytes.NewBufferString("seconds,rate\n0,10\n3600,10\n5400,20\n7200,20\n9000,8\n14400,8\n"), "hours")
	if err != nil {
		t.Fatal(err)
	}
	c, err := trial.NewCourse(tr, 10, trial.Requests())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func run(t *testing.T, c *trial.Course, k trial.Contestant, o trial.Setup) trial.Result {
	t.Helper()
	r, err := trial.Run(t.Context(), c, k, o, k.Default)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A watcher sees the samples that the result keeps, and every order once.
func TestWatch(t *testing.T) {
	t.Parallel()
	c := hours(t)
	for _, k := range []trial.Contestant{trial.Trimtab(false), trial.Gentle()} {
		var seen []trial.Sample
		var heard []trial.Order
		last := c.Start.Add(-time.Minute)
		r := run(t, c, k, trial.Setup{Start: trial.Fargate, Seed: 1, Step: time.Minute, Watch: func(now time.Time, s trial.Sample, orders []trial.Order) {
			for _, o := range orders {
				if o.At.Before(last) || o.At.After(now) || o.Because == "" {
					t.Errorf("%s: at %s it heard of %+v, and the time before was %s", k.Name, now, o, last)
				}
			}
			seen, heard, last = append(seen, s), append(heard, orders...), now
		}})
		if d := cmp.Diff(r.Samples, seen); d != "" {
			t.Errorf("%s: samples of the result and of the watcher (-result +watcher):\n%s", k.Name, d)
		}
		want := 0
		if k.Name == "trimtab" {
			want = len(r.Orders)
			for i, o := range heard {
				if a := r.Orders[i]; a.From != o.Before || a.To != o.Desired {
					t.Errorf("order %d was %+v, the watcher heard %+v", i, a, o)
				}
			}
		}
		if len(heard) != want || len(r.Orders) == 0 {
			t.Errorf("%s: the watcher heard of %d of %d orders, want %d", k.Name, len(heard), len(r.Orders), want)
		}
	}
}

// What day it is changes nothing.
func TestDate(t *testing.T) {
	t.Parallel()
	now, then := hours(t), hours(t)
	then.Start = time.Date(1995, time.July, 13, 0, 0, 0, 0, time.UTC)
	o := trial.Setup{Start: trial.Fargate, Seed: 1}
	if d := cmp.Diff(run(t, now, trial.Trimtab(false), o).Score, run(t, then, trial.Trimtab(false), o).Score); d != "" {
		t.Errorf("in 1995 the marks differ (-2026 +1995):\n%s", d)
	}
}

// Where both hold a utilisation, both are asked for the same; a knob of another kind
// stands as documented.
func TestBeside(t *testing.T) {
	t.Parallel()
	ks, err := trial.Named("trimtab,trimtab-20s,aas,aas-20s,aas-gentle,hpa,nomad,aas-step,keda,kpa,react,static")
	if err != nil {
		t.Fatal(err)
	}
	ours := ks[0]
	ours.Default = 43
	var same []string
	for _, k := range ks[1:] {
		switch k.Beside(ours) {
		case 43:
			same = append(same, k.Name)
		case k.Default:
		default:
			t.Errorf("beside trimtab %s has its knob at %g", k.Name, k.Beside(ours))
		}
	}
	if got := strings.Join(same, " "); got != "trimtab-20s aas aas-20s aas-gentle hpa nomad" {
		t.Errorf("the same target have: %s", got)
	}
	if all := trial.All(); len(all) < 10 || all[len(all)-1].Name == "aas-gentle" {
		t.Errorf("the variant is among the %d contestants", len(all))
	}
}
