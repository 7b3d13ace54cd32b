package ledger

import (
	"reflect"
	"time"
)

// clone gives a copy of v that shares nothing with it. It follows the types by
// reflection, so that a field added to a policy later is copied too; JSON would
// do, at ten times the cost, on every read of the simulator.
func clone[T any](v T) T {
	sever(reflect.ValueOf(&v).Elem())
	return v
}

// sever puts copies in the place of what v, which can be set, refers to. Times are
// values; other unexported fields do not occur in the ledger's types.
func sever(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if !v.IsNil() {
			v.Set(copyReferred(v))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range fields(v) {
			sever(v.Field(i))
		}
	default: // a value
	}
}

// copyReferred gives a pointer, slice or map to a copy of what v, which is not nil,
// refers to.
func copyReferred(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(v.Elem())
		sever(c.Elem())
		return c
	case reflect.Slice:
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(c, v)
		if c.Len() > 0 && !plain(c.Index(0)) {
			for i := range c.Len() {
				sever(c.Index(i))
			}
		}
		return c
	default: // a map
		c := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(it.Value())
			sever(value)
			c.SetMapIndex(it.Key(), value)
		}
		return c
	}
}

// plain tells whether values of v's type refer to nothing, so that one that is assigned
// is a copy.
func plain(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return false
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return true
		}
		for i := range fields(v) {
			if !plain(v.Field(i)) {
				return false
			}
		}
	default:
	}
	return true
}

// fields gives the number of fields: to range over them themselves would describe each.
func fields(v reflect.Value) int { return v.NumField() }
