package cli

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/trimtab-ecs/trimtab/internal/policyfile"
)

// strictJSON reads one JSON document into v as encoding/json would, and refuses
// what that would pass over: unknown and repeated fields, other letter case,
// text after the document. The error names the field, its line and column, and
// the fields that are known there. Fields of embedded structs are not read.
func strictJSON(src []byte, v any) error {
	r := &strictReader{src: src, dec: json.NewDecoder(bytes.NewReader(src))}
	var raw json.RawMessage
	if err := json.Unmarshal(src, &raw); err != nil {
		at := int64(len(src))
		if s, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = s.Offset - 1
		}
		return r.fault(at, "", "this is not one JSON document: %w", err)
	}
	return r.value(reflect.ValueOf(v).Elem(), "")
}

type strictReader struct {
	src []byte
	dec *json.Decoder
}

// fault gives an error with its place.
func (r *strictReader) fault(offset int64, path, format string, args ...any) error {
	offset = min(max(offset, 0), int64(len(r.src)))
	before := r.src[:offset]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := 1 + len([]rune(string(before[bytes.LastIndexByte(before, '\n')+1:])))
	if path != "" {
		path += ": "
	}
	return fmt.Errorf("line %d, column %d: %s%w", line, column, path, fmt.Errorf(format, args...))
}

// next gives where the next value begins after an offset.
func (r *strictReader) next(offset int64) int64 {
	for offset < int64(len(r.src)) && strings.ContainsRune(" \t\r\n,:", rune(r.src[offset])) {
		offset++
	}
	return offset
}

// wrap gives the error of a value that is JSON, but not of its type.
func (r *strictReader) wrap(err error, at int64, path string) error {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return r.fault(at, path, "want %s, not %s", wants(t.Type), t.Value)
	}
	return r.fault(at, path, "%w", err)
}

func wants(t reflect.Type) string {
	switch t.Kind() { //nolint:exhaustive // the rest is named by its kind
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a string"
	}
	return t.Kind().String()
}

// value reads the next value. Types with a reader of their own, and those
// without parts, are read whole.
func (r *strictReader) value(v reflect.Value, path string) error {
	at := r.next(r.dec.InputOffset())
	if v.Kind() == reflect.Pointer && !r.null(at) {
		v.Set(reflect.New(v.Type().Elem()))
		return r.value(v.Elem(), path)
	}
	_, own := reflect.TypeAssert[json.Unmarshaler](v.Addr())
	_, text := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr())
	var open json.Delim
	switch v.Kind() { //nolint:exhaustive // the kinds with parts
	case reflect.Struct, reflect.Map:
		open = '{'
	case reflect.Slice:
		open = '['
	}
	if own || text || open == 0 || r.null(at) {
		if err := r.dec.Decode(v.Addr().Interface()); err != nil {
			return r.wrap(err, at, path)
		}
		return nil
	}
	token, err := r.dec.Token()
	if err != nil {
		return r.wrap(err, at, path)
	}
	if token != open {
		return r.fault(at, path, "want %s, not %s", wants(v.Type()), short(token))
	}
	if open == '[' {
		err = r.list(v, path)
	} else {
		err = r.object(v, path)
	}
	if err != nil {
		return err
	}
	if _, err := r.dec.Token(); err != nil { // the closing bracket
		return r.wrap(err, r.dec.InputOffset(), path)
	}
	return nil
}

func (r *strictReader) null(at int64) bool {
	return bytes.HasPrefix(r.src[min(at, int64(len(r.src))):], []byte("null"))
}

func (r *strictReader) list(v reflect.Value, path string) error {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	for r.dec.More() {
		item := reflect.New(v.Type().Elem()).Elem()
		if err := r.value(item, fmt.Sprintf("%s[%d]", path, v.Len())); err != nil {
			return err
		}
		v.Set(reflect.Append(v, item))
	}
	return nil
}

func (r *strictReader) object(v reflect.Value, path string) error {
	seen := map[string]bool{}
	if v.Kind() == reflect.Map {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for r.dec.More() {
		at := r.next(r.dec.InputOffset())
		token, err := r.dec.Token()
		if err != nil {
			return r.wrap(err, at, path)
		}
		name, ok := token.(string)
		if !ok {
			return r.fault(at, path, "a field's name must be a string")
		}
		child := strings.TrimPrefix(path+"."+name, ".")
		if seen[name] {
			return r.fault(at, child, "the field is given twice: keep one")
		}
		seen[name] = true
		if v.Kind() == reflect.Map {
			item := reflect.New(v.Type().Elem()).Elem()
			if err := r.value(item, child); err != nil {
				return err
			}
			v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), item)
			continue
		}
		field, known := jsonField(v, name)
		if !field.IsValid() {
			return r.fault(at, child, "the field is not known: %s", policyfile.Suggest(name, known))
		}
		if err := r.value(field, child); err != nil {
			return err
		}
	}
	return nil
}

// jsonField finds the field of a struct by its json name, and lists them all.
func jsonField(v reflect.Value, name string) (field reflect.Value, known []string) {
	for f, fv := range v.Fields() {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "" || tag == "-" {
			continue
		}
		known = append(known, tag)
		if tag == name {
			field = fv
		}
	}
	return field, known
}

func short(token json.Token) string {
	switch t := token.(type) {
	case json.Delim:
		if t == '[' {
			return "a list"
		}
		return "an object"
	case string:
		if len(t) > 40 {
			t = t[:40] + "..."
		}
		return fmt.Sprintf("the string %q", t)
	}
	return fmt.Sprintf("%v", token)
}
