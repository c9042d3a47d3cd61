package registry

// A Secret prints as "***" however it is printed, logged or marshalled. Reveal gives what it is.
type Secret string

const redacted = "***"

// Reveal is the secret itself, for handing over to the one who must know it.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (s Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return redacted }

// MarshalText implements encoding.TextMarshaler, and so for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
