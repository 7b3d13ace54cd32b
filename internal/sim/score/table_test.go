package score_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/sim/score"
)

// filled gives a score whose n-th mark is n+1.
func filled(t *testing.T) score.Score {
	t.Helper()
	var s score.Score
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		switch v.Field(i).Kind() {
		case reflect.Int:
			v.Field(i).SetInt(int64(i + 1))
		default:
			v.Field(i).SetFloat(float64(i + 1))
		}
	}
	return s
}

func TestFieldsAreThoseOfScore(t *testing.T) {
	t.Parallel()
	s := filled(t)
	kind := reflect.TypeFor[score.Score]()
	fields := score.Fields()
	if len(fields) != kind.NumField() {
		t.Fatalf("%d fields of %d", len(fields), kind.NumField())
	}
	for i, f := range fields {
		name, options, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
		if f.Name != name || f.Absent != (options == "omitempty") || f.Get(s) != float64(i+1) {
			t.Errorf("field %d is %s, absent %v, gives %v; Score has %s,%s", i, f.Name, f.Absent, f.Get(s), name, options)
		}
	}
}

func TestSpreads(t *testing.T) {
	t.Parallel()
	got := score.Spreads([]score.Score{{Outs: 3, Dollars: 1}, {Outs: 1, Dollars: 4}, {Outs: 9, Dollars: 2}, {Outs: 2, Dollars: 3}})
	want := map[string]score.Spread{"outs": {Median: 2.5, Low: 1, High: 9}, "dollars": {Median: 2.5, Low: 1, High: 4}}
	for i, f := range score.Fields() {
		if got[i] != want[f.Name] {
			t.Errorf("%s: got %+v, want %+v", f.Name, got[i], want[f.Name])
		}
	}
	if got := score.SpreadOf([]float64{5, 1, 2}); got != (score.Spread{Median: 2, Low: 1, High: 5}) {
		t.Errorf("of three: %+v", got)
	}
}

func table() score.Table {
	return score.Table{
		Keys: []string{"trace", "policy"},
		Rows: []score.Row{
			{Names: []string{"nasa95", `"a", b`}, Score: score.Score{ViolationPercent: 0.1234567, Dollars: 1234567, Outs: 1234567, TauOPercent: 1.0 / 3}},
			{Names: []string{"wc98", "hpa"}, Score: score.Score{P95Seconds: 1e-7, Epsilon: math.NaN()}},
		},
	}
}

func TestTableCSV(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := table().CSV(&out); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range lines[0] {
		column[name] = i
	}
	for _, tt := range []struct {
		row  int
		name string
		want string
	}{
		{1, "trace", "nasa95"},
		{1, "policy", `"a", b`},
		{1, "violationPercent", "0.123457"},
		{1, "dollars", "1234567"},
		{1, "outs", "1234567"},
		{1, "tauOPercent", "0.333333"},
		{1, "p95Seconds", ""},
		{1, "violationSeconds", "0"},
		{2, "p95Seconds", "1e-07"},
		{2, "epsilon", ""},
	} {
		if got := lines[tt.row][column[tt.name]]; got != tt.want {
			t.Errorf("row %d, %s: got %q, want %q", tt.row, tt.name, got, tt.want)
		}
	}
}

func TestTableJSON(t *testing.T) {
	t.Parallel()
	in := table()
	in.Rows[1].Score = filled(t)
	var out bytes.Buffer
	if err := in.JSON(&out); err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for i, row := range in.Rows {
		plain, err := json.Marshal(row.Score)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{}
		if err := json.Unmarshal(plain, &want); err != nil {
			t.Fatal(err)
		}
		want["trace"], want["policy"] = row.Names[0], row.Names[1]
		if i == 0 { // rounded
			want["violationPercent"], want["tauOPercent"] = 0.123457, 0.333333
		}
		if diff := cmp.Diff(want, rows[i]); diff != "" {
			t.Errorf("row %d (-want +got):\n%s", i, diff)
		}
	}
	var empty bytes.Buffer
	if err := (score.Table{}).JSON(&empty); err != nil || empty.String() != "[\n]\n" {
		t.Errorf("no row: %q, %v", empty.String(), err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestTableTellsOfAFullDisk(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"CSV": table().CSV(full{}), "JSON": table().JSON(full{})} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
