package keeping

import (
	"strings"
	"time"

	"github.com/houvast/houvast/internal/words"
)

// Because is because, outside a page. key is that of the words.
func Because(w *words.Words, lang words.Lang, reason string) (text, key string, ok bool) {
	column, key := refusalKey(reason)
	m, ok := w.Lookup(lang, key)
	return strings.ReplaceAll(m.Other, "{column}", column), key, ok
}

// MaxImport is the bound of an imported file, in bytes.
const MaxImport = maxImport

// Bound makes the bound of an imported file a smaller one.
func (k *Pages) Bound(bytes int64) { k.most = bytes }

// VerifyEvery sets how often the page of the checks reads the log, for tests: a minute is longer than the
// lease of a node.
func (k *Pages) VerifyEvery(d time.Duration) { k.seen.every = d }
