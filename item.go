package houvast

import "time"

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
