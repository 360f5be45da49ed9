package config

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
)

// Prefix begins the names of the environment variables that Load reads.
const Prefix = "PARADOX_"

// A Field is one value that can be set, with every name it has.
type Field struct {
	Key     string // in config.toml: "p2p.listen"
	Flag    string // "--p2p-listen", empty where there is none
	Env     string // "PARADOX_P2P_LISTEN"
	Legacy  string // the name the replaced service used, or empty
	Default string
	Help    string

	redact string
	typ    reflect.Type
	index  []int
}

// Fields lists every field in the order of the struct.
func Fields() []Field { return collect(reflect.TypeFor[Config](), "", nil, true) }

func collect(t reflect.Type, prefix string, index []int, flags bool) []Field {
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(append([]int{}, index...), i)
		key := prefix + f.Tag.Get("koanf")
		hasFlag := flags && f.Tag.Get("kong") != "-"
		if f.Type.Kind() == reflect.Struct {
			out = append(out, collect(f.Type, key+".", at, hasFlag)...)
			continue
		}
		name := strings.NewReplacer(".", "_", "-", "_").Replace(key)
		field := Field{
			Key: key, Env: Prefix + strings.ToUpper(name), Legacy: f.Tag.Get("legacy"),
			Default: f.Tag.Get("default"), Help: f.Tag.Get("help"),
			redact: f.Tag.Get("redact"), typ: f.Type, index: at,
		}
		if hasFlag {
			field.Flag = "--" + strings.ReplaceAll(name, "_", "-")
		}
		out = append(out, field)
	}
	return out
}

// Value is the field's value in c, as `paradox config` shows it: what may carry a secret is cut to what cannot.
func (f *Field) Value(c *Config) any {
	v := reflect.ValueOf(c).Elem().FieldByIndex(f.index).Interface()
	if f.redact == "secret" {
		return hidden(v)
	}
	if f.redact != "url" {
		return v
	}
	list, ok := v.([]string)
	if !ok {
		if s, isText := v.(string); isText && s != "" {
			return RedactURL(s)
		}
		return v
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = RedactURL(s)
	}
	return out
}

// hidden shows that a secret is there, and nothing of it; where it lies is no secret.
func hidden(v any) any {
	hide := func(s string) string {
		if s == "" || strings.HasPrefix(s, secretFile) {
			return s
		}
		return "(hidden)"
	}
	if list, ok := v.([]string); ok {
		out := make([]string, len(list))
		for i, s := range list {
			out[i] = hide(s)
		}
		return out
	}
	return hide(fmt.Sprint(v))
}

// RedactURL keeps scheme and host of an address: RPC providers put the key into its path, its query or its user.
func RedactURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return "(unreadable)"
	}
	if (u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.User == nil && u.Fragment == "" {
		return s
	}
	return u.Scheme + "://" + u.Host + "/…"
}

// parse turns the text of an environment variable or a default into what config.toml would hold.
func (f *Field) parse(s string) any {
	if f.typ.Kind() != reflect.Slice {
		return s
	}
	list := []string{}
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// Text is the field's value in c as its environment variable says it, and whether that may carry a secret: then it has no
// place where others read.
func (f *Field) Text(c *Config) (text string, secret bool) {
	v := reflect.ValueOf(c).Elem().FieldByIndex(f.index).Interface()
	return textOf(v), f.Flag == "" || textOf(v) != textOf(f.Value(c))
}

func textOf(v any) string {
	if list, ok := v.([]string); ok {
		return strings.Join(list, ",")
	}
	return fmt.Sprint(v)
}
