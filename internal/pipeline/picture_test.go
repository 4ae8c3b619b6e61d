package pipeline_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/houvast/houvast"
	"github.com/houvast/houvast/hashing/decode"
	"github.com/houvast/houvast/internal/draw"
)

// drawn holds what picture has drawn: both engines and many tests want the same ones.
var drawn sync.Map

// picture draws a file; another seed is another picture. The caller may append to it.
func picture(seed uint64) []byte {
	if b, ok := drawn.Load(seed); ok {
		return bytes.Clone(b.([]byte))
	}
	b := draw.PNG(draw.Picture(draw.Houses, 240, 180, seed))
	drawn.Store(seed, bytes.Clone(b))
	return b
}

// hashed is what the child would say about a file.
func hashed(data []byte) houvast.Perceptual { return decode.Hash(data, decode.DefaultLimits()) }

// The rows of a bank with one column each, for the exact bytes of a file.
func rowMD5(data []byte) string    { return fmt.Sprintf("%x", md5.Sum(data)) }
func rowSHA1(data []byte) string   { return fmt.Sprintf("%x", sha1.Sum(data)) }
func rowSHA256(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// facts is all that a platform may tell about an upload.
func facts() houvast.Upload {
	return houvast.Upload{Account: houvast.AccountRef{Source: "forum", ID: "acct-zebra-7731"}, ScreenName: "blue.heron.4471", Email: "heron4471@mail.example",
		ProfileURL: "https://forum.example/u/heron4471", FileName: "garden-shed-4471.png", UploadedAt: monday.Add(-time.Hour), IP: "203.0.113.77", Port: 40123,
		URL: "https://forum.example/p/99120441", Context: "thread about sheds 99120441", ContextKind: houvast.PublicPost}
}

// told lists the texts of facts that name somebody or something.
func told() []string {
	u := facts()
	return []string{u.Account.ID, u.ScreenName, u.Email, u.ProfileURL, u.FileName, u.IP, u.URL, u.Context}
}

// strangers is an upload that tells nothing.
func strangers() houvast.Upload { return houvast.Upload{} }
