package keeping

import (
	"strings"

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
