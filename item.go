package houvast

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ItemID names an item: random, so that it tells nothing and cannot be guessed.
type ItemID string

// NewItemID returns a new random id of 130 bits.
func NewItemID() ItemID { return ItemID(RandomText("item", 26)) }

// An AccountRef names an account on one service. Source is the service whose API key brought the
// item, ID is that service's own name for the account.
type AccountRef struct {
	Source string `json:"source"`
	ID     string `json:"id"`
}

// ContextKind says where on the platform an item was. There is no kind for private conversations:
// they are not scanned.
type ContextKind string

// The kinds of context.
const (
	PublicPost ContextKind = "public_post" // readable by anyone
	PublicRoom ContextKind = "public_room" // readable by anyone without invitation or approval, history included
	ProfileArt ContextKind = "profile"     // an avatar, banner or the like
	Reported   ContextKind = "reported"    // handed in by somebody who received it
)

// ContextKinds returns all kinds of context.
func ContextKinds() []ContextKind { return []ContextKind{PublicPost, PublicRoom, ProfileArt, Reported} }

// ItemState is all that a platform is ever told about an item; it never says whether it matched.
type ItemState string

// The states of an item.
const (
	ItemReceived     ItemState = "received"
	ItemLookedAt     ItemState = "looked_at"
	ItemCouldNotLook ItemState = "could_not_look" // never the same as looked_at
	ItemGone         ItemState = "gone"           // its bytes were destroyed
)

// An Upload is what a platform tells about an item besides its bytes. All of it is optional.
type Upload struct {
	Account     AccountRef  `json:"account"`
	ScreenName  string      `json:"screen_name,omitempty"`
	Email       string      `json:"email,omitempty"`
	ProfileURL  string      `json:"profile_url,omitempty"`
	FileName    string      `json:"file_name,omitempty"`
	UploadedAt  time.Time   `json:"uploaded_at,omitzero"`
	IP          string      `json:"ip,omitempty"`
	Port        int         `json:"port,omitempty"` // 1 to 65535; without it an address behind carrier NAT is useless
	URL         string      `json:"url,omitempty"`
	Context     string      `json:"context,omitempty"`
	ContextKind ContextKind `json:"context_kind,omitempty"`
}

// maxText bounds each text that comes with an upload, in bytes.
const maxText = 2083

// Check refuses facts that a report could not carry. Its error names the field and never repeats what
// is in it.
func (u Upload) Check() error {
	const op = "houvast.Upload"
	bad := func(field, what string) error {
		return Errorf(op, Invalid, "bad-field", "the field %s %s", field, what)
	}
	for field, text := range map[string]string{"account": u.Account.ID, "screen_name": u.ScreenName, "email": u.Email,
		"profile_url": u.ProfileURL, "file_name": u.FileName, "url": u.URL, "context": u.Context} {
		if len(text) > maxText || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return bad(field, "is longer than 2083 bytes, or is no plain text")
		}
	}
	if len(u.Account.ID) > 255 || len(u.ScreenName) > 256 || len(u.Email) > 255 {
		return bad("account, screen_name or email", "is longer than 255 characters")
	}
	if u.IP != "" {
		if _, err := netip.ParseAddr(u.IP); err != nil {
			return bad("ip", "is not an IP address")
		}
	}
	if u.Port < 0 || u.Port > 65535 {
		return bad("port", "is not a number from 1 to 65535")
	}
	for field, text := range map[string]string{"url": u.URL, "profile_url": u.ProfileURL} {
		if v, err := url.Parse(text); text != "" && (err != nil || v.Scheme != "http" && v.Scheme != "https" || v.Host == "" || strings.ContainsAny(text, " \t")) {
			return bad(field, "is not an address that begins with http:// or https://")
		}
	}
	if u.ContextKind != "" && !slices.Contains(ContextKinds(), u.ContextKind) {
		return bad("context_kind", "is not one of public_post, public_room, profile, reported")
	}
	return nil
}
