package pipeline_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// read checks a message as the specification says: the HMAC-SHA256 under the shared secret of id,
// timestamp and body, joined by dots, in base64 behind "v1,".
func (p *platform) read(head http.Header, body []byte) (o order, good bool) {
	id, at := head.Get("webhook-id"), head.Get("webhook-timestamp")
	mac := hmac.New(sha256.New, p.secret)
	mac.Write([]byte(strings.Join([]string{id, at, string(body)}, ".")))
	said, ok := strings.CutPrefix(head.Get("webhook-signature"), "v1,")
	sum, err := base64.StdEncoding.DecodeString(said)
	if !ok || err != nil || id == "" || at == "" || !hmac.Equal(sum, mac.Sum(nil)) {
		return o, false
	}
	var m struct {
		Type, Action, Item, At string
		Details                json.RawMessage
	}
	if json.Unmarshal(body, &m) != nil || m.Action != id {
		return o, false
	}
	return order{ID: id, Type: m.Type, Item: m.Item, Details: string(m.Details)}, true
}
