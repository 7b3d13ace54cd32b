package ledger

import (
	"reflect"
	"time"
)

// clone gives a copy of v that shares nothing with it. It follows the types by
// reflection, so that a field added to a policy later is copied too; JSON would
// do, at ten times the cost, on every read of the simulator.
func clone[T any](v T) T {
	var c T
	deepCopy(reflect.ValueOf(&c).Elem(), reflect.ValueOf(&v).Elem())
	return c
}

// plain tells whether values of a type refer to nothing that can be changed, so that
// one that is assigned is a copy.
func plain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return false
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return true
		}
		for f := range t.Fields() {
			if !f.IsExported() || !plain(f.Type) {
				return false
			}
		}
	default:
	}
	return true
}

// deepCopy makes dst, a zero value that can be set, equal to src. Times are
// values; other unexported fields do not occur in the ledger's types and stay zero.
func deepCopy(dst, src reflect.Value) {
	switch src.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if !src.IsNil() {
			copyReferred(dst, src)
		}
	case reflect.Struct:
		if src.Type() == reflect.TypeFor[time.Time]() {
			dst.Set(src)
			return
		}
		for i := range src.NumField() {
			if dst.Field(i).CanSet() {
				deepCopy(dst.Field(i), src.Field(i))
			}
		}
	default:
		dst.Set(src)
	}
}

// copyReferred copies what src, which is not nil, refers to.
func copyReferred(dst, src reflect.Value) {
	switch src.Kind() {
	case reflect.Pointer:
		dst.Set(reflect.New(src.Type().Elem()))
		deepCopy(dst.Elem(), src.Elem())
	case reflect.Slice:
		dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
		if plain(src.Type().Elem()) {
			reflect.Copy(dst, src)
			return
		}
		for i := range src.Len() {
			deepCopy(dst.Index(i), src.Index(i))
		}
	default: // a map
		dst.Set(reflect.MakeMapWithSize(src.Type(), src.Len()))
		for it := src.MapRange(); it.Next(); {
			value := reflect.New(src.Type().Elem()).Elem()
			deepCopy(value, it.Value())
			dst.SetMapIndex(it.Key(), value)
		}
	}
}
