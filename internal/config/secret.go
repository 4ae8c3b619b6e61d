package config

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/houvast/houvast"
)

// maxSecret bounds a secret file; an address or a password is far smaller.
const maxSecret = 64 << 10

// ReadSecret returns the text of a secret file without the line break at its end. A file that is
// missing, empty, larger than 64 KiB or of more than one line is an error of kind Invalid that names
// the file and nothing of what is in it.
func ReadSecret(path string) (string, error) {
	refuse := func(format string, args ...any) error {
		return houvast.Errorf("config.ReadSecret", houvast.Invalid, "config-secret", "%s: "+format, append([]any{path}, args...)...)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", refuse("the secret cannot be read: %w", errors.Unwrap(err))
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	if err != nil {
		return "", refuse("the secret cannot be read: %w", errors.Unwrap(err))
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	switch {
	case len(b) > maxSecret:
		return "", refuse("the secret is larger than %d bytes", maxSecret)
	case text == "":
		return "", refuse("the secret is empty")
	case strings.ContainsAny(text, "\n\r\x00"):
		return "", refuse("the secret has more than one line")
	}
	return text, nil
}

// DatabaseURL returns the address of PostgreSQL, from wherever it was set, or "" for SQLite.
func (c Config) DatabaseURL() (string, error) {
	if c.DatabaseFile == "" {
		return c.Database, nil
	}
	return ReadSecret(c.DatabaseFile)
}
