package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-ecs/trimtab/internal/core/policy"
)

type inner struct {
	N    int            `json:"n"`
	F    float64        `json:"f"`
	Flag bool           `json:"flag"`
	At   time.Time      `json:"at"`
	Map  map[string]int `json:"map"`
	Skip string         `json:"-"`
}

type outer struct {
	Name string  `json:"name"`
	Ptr  *inner  `json:"ptr"`
	List []inner `json:"list"`
	Raw  inner   `json:"raw"`
}

func TestStrictJSON(t *testing.T) {
	t.Parallel()
	good := `{"name": "x", "ptr": {"n": 1, "map": {"a": 1, "b": 2}}, "list": [{"f": 1.5}, {"flag": true}], "raw": null}`
	var got, want outer
	if err := strictJSON([]byte(good), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(good), &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("strictJSON reads otherwise than encoding/json (-want +got):\n%s", d)
	}
	for src, want := range map[string]string{
		``:                              "line 1, column 1: this is not one JSON document: unexpected end",
		"{\n}\n{}":                      "line 3, column 1: this is not one JSON document: invalid character '{' after top-level value",
		`[]`:                            "line 1, column 1: want an object, not a list",
		`"x"`:                           `line 1, column 1: want an object, not the string "x"`,
		`7`:                             "line 1, column 1: want an object, not 7",
		`{"Name": "x"}`:                 "line 1, column 2: Name: the field is not known: did you mean name? The fields here are name, ptr, list, raw",
		`{"ptr": {"-": 1}}`:             "line 1, column 10: ptr.-: the field is not known: did you mean n?",
		`{"ptr": {"Skip": 1}}`:          "line 1, column 10: ptr.Skip: the field is not known",
		`{"name": 1}`:                   "line 1, column 10: name: want a string, not number",
		`{"ptr": {"n": 1.5}}`:           "line 1, column 15: ptr.n: want a whole number, not number 1.5",
		`{"ptr": {"n": 1e99}}`:          "want a whole number, not number 1e99",
		`{"ptr": {"f": "x"}}`:           "line 1, column 15: ptr.f: want a number, not string",
		`{"ptr": {"f": 1e999}}`:         "want a number, not number 1e999",
		`{"ptr": {"flag": 0}}`:          "want true or false, not number",
		`{"ptr": {"at": "today"}}`:      `line 1, column 16: ptr.at: parsing time "today"`,
		`{"ptr": {"map": []}}`:          "line 1, column 17: ptr.map: want an object, not a list",
		`{"ptr": {"map": {"a":"b"}}}`:   "line 1, column 22: ptr.map.a: want a whole number, not string",
		`{"ptr":{"map":{"a":1,"a":1}}}`: "line 1, column 22: ptr.map.a: the field is given twice",
		"{\"list\": [{},\n {\"ü\": 1,\n \"n\": 2}]}": "line 2, column 3: list[1].ü: the field is not known",
		"{\"list\": [{}, {\"n\": [], \"f\": 2}]}":    "line 1, column 21: list[1].n: want a whole number, not array",
	} {
		var v outer
		if err := strictJSON([]byte(src), &v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", src, err, want)
		}
	}
}

// FuzzDecide: whatever the document, the command refuses it or decides, and
// decides the same again; what it accepts, encoding/json reads alike.
func FuzzDecide(f *testing.F) {
	doc, err := os.ReadFile(decideDoc)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(blocks(string(doc), "json")[0]))
	f.Add([]byte(`{"now": "2026-11-23T10:00:00Z", "input": {"cell": {"cluster": "c", "group": "g"}, "mode": "act", "group": {"policy": {"mode": "act"}},
		"fleet": {"services": [{"name": "s", "compute": "ec2", "active": true, "desired": 9, "taskSize": {"cpu": 1, "memoryMiB": 1}}],
		"instances": [{"id": "i", "group": "g", "active": true, "connected": true, "registered": {"cpu": 2, "memoryMiB": 2}}],
		"group": {"name": "g", "maxSize": 3, "desiredCapacity": 1}}}}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		var q, again question
		if err := strictJSON(src, &q); err != nil {
			return
		}
		if err := json.Unmarshal(src, &again); err != nil {
			t.Fatalf("encoding/json refuses it: %v", err)
		}
		if !reflect.DeepEqual(q, again) && !hasEmpty(src) {
			t.Fatalf("read otherwise than by encoding/json:\n%+v\n%+v", q, again)
		}
		if q.check() != nil {
			return
		}
		first, err := json.Marshal(policy.Decide(q.Now, q.Input))
		if err != nil {
			t.Fatalf("the decision is no JSON: %v", err)
		}
		second, err := json.Marshal(policy.Decide(again.Now, again.Input))
		if err := errors.Join(err); err != nil || !bytes.Equal(first, second) {
			t.Fatalf("decided otherwise the second time (%v):\n%s\n%s", err, first, second)
		}
	})
}

// hasEmpty tells whether the text holds a null, after which NaN and nil are no
// measure of equality.
func hasEmpty(src []byte) bool { return bytes.Contains(src, []byte("null")) }
