package browser

import (
	"strings"
	"testing"
)

func TestDescribe(t *testing.T) {
	const webkit = " AppleWebKit/537.36 (KHTML, like Gecko) "
	for header, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                    "Firefox, Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64)" + webkit + "Chrome/140.0.0.0 Safari/537.36":                                                     "Chrome, Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64)" + webkit + "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":                                       "Edge, Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64)" + webkit + "Chrome/140.0.0.0 Safari/537.36 OPR/120.0.0.0":                                       "Opera, Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":                     "Safari, macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1":   "Safari, iOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/140.0 Mobile/15E148 Safari/605.1.15": "Firefox, iOS",
		"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0.0.0 Mobile/15E148 Safari/604.1":         "Chrome, iPadOS",
		"Mozilla/5.0 (Linux; Android 15; K)" + webkit + "Chrome/140.0.0.0 Mobile Safari/537.36":                                                     "Chrome, Android",
		"Mozilla/5.0 (Linux; Android 15; SAMSUNG SM-S911B)" + webkit + "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36":                  "Samsung Internet, Android",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)" + webkit + "Chrome/140.0.0.0 Safari/537.36":                                                      "Chrome, ChromeOS",
		"Go-http-client/1.1": "", "curl/8.14.1": "", "": "", "Firefox": "", "\x00\xff": "",
		"Firefox/140.0": "Firefox", "Something else (Linux)": "Linux",
		strings.Repeat("a", maxHeader) + " Firefox/140.0 (Linux)":     "",
		"Firefox/<script>alert(1)</script> (Linux; anna@example.org)": "Firefox, Linux",
	} {
		got := Describe(header)
		if got != want {
			t.Errorf("%.60q is called %q, want %q", header, got, want)
		}
		if !Known(got) {
			t.Errorf("%q is not known again", got)
		}
	}
	for _, no := range []string{"Linux, Firefox", "Firefox, ", ", Linux", "firefox, linux", "Firefox, Linux ", "Firefox, Linux, Linux", "<b>", " "} {
		if Known(no) {
			t.Errorf("%q is taken for ours", no)
		}
	}
}

// Whatever the header is, what comes of it is on the list, and short.
func FuzzDescribe(f *testing.F) {
	f.Add("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	f.Fuzz(func(t *testing.T, header string) {
		if got := Describe(header); !Known(got) || len(got) > 32 {
			t.Fatalf("%q became %q", header, got)
		}
	})
}
