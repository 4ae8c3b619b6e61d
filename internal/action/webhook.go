package action

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"github.com/houvast/houvast"
)

// A Webhook tells the platform what to do with an item. The signature is that of the Standard
// Webhooks specification (version 1.0.0): HMAC-SHA256 over "id.timestamp.body", base64, prefixed
// with "v1,". The receiver must check it, and must treat a webhook-id that it has seen as done.
type Webhook struct {
	URL    string
	Secret []byte
	Client *http.Client // with a timeout; follows no redirects
	Clock  houvast.Clock
}

// message is the body of a webhook.
type message struct {
	Type    Kind            `json:"type"`
	Action  string          `json:"action"`
	Item    string          `json:"item"`
	At      string          `json:"at"`
	Details json.RawMessage `json:"details"`
}

// maxAnswer is how much of a receiver's answer is read, in bytes.
const maxAnswer = 4 << 10

// Send delivers a. Any 2xx answer is success; 409 and 410 too, since they say that it is so already.
func (h Webhook) Send(ctx context.Context, a Action) (string, error) {
	const op = "action.Webhook"
	body, err := json.Marshal(message{a.Kind, a.ID.String(), a.Subject, a.ProposedAt.Format("2006-01-02T15:04:05.000000Z"), a.Payload})
	if err != nil {
		return "", houvast.Wrap(op, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return "", houvast.Errorf(op, houvast.Invalid, "webhook-url", "the address of the webhook cannot be read").
			WithHint("check [withhold] webhook in the configuration")
	}
	stamp := strconv.FormatInt(h.Clock.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("webhook-id", a.ID.String())
	req.Header.Set("webhook-timestamp", stamp)
	req.Header.Set("webhook-signature", "v1,"+Sign(h.Secret, a.ID.String(), stamp, body))
	resp, err := h.Client.Do(req)
	if err != nil {
		return "", houvast.Errorf(op, houvast.Unavailable, "webhook", "the receiver of the webhook does not answer")
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	switch c := resp.StatusCode; {
	case c >= 200 && c < 300, c == http.StatusConflict, c == http.StatusGone:
		return "status " + strconv.Itoa(c), nil
	case c == http.StatusTooManyRequests, c == http.StatusRequestTimeout, c >= 500:
		return "", houvast.Errorf(op, houvast.Unavailable, "webhook", "the receiver of the webhook answered %d", c)
	default:
		return "", houvast.Errorf(op, houvast.Invalid, "webhook-refused", "the receiver of the webhook refused with %d", c).
			WithHint("check its address and secret")
	}
}

// Sign returns the signature of a message, without its version prefix.
func Sign(secret []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	io.WriteString(mac, id+"."+timestamp+".")
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
