package decode

import (
	"bytes"
	"slices"
)

// A Class says what can be done with a file.
type Class uint8

// The classes.
const (
	Nothing   Class = iota // no picture, video or archive
	Decodable              // a picture of a type that Decode reads
	Media                  // a picture or video of another type
	Container              // an archive
)

// A signature is a string at a fixed place.
type signature struct {
	at        int
	magic     string
	mediaType string
	class     Class
}

// signatures is read from the top; the first that fits decides. It never changes.
var signatures = []signature{
	{0, "\xff\xd8\xff", jpegType, Decodable},
	{0, "\x89PNG\r\n\x1a\n", pngType, Decodable},
	{0, "GIF87a", gifType, Decodable},
	{0, "GIF89a", gifType, Decodable},
	{0, "II*\x00", tiffType, Decodable},
	{0, "MM\x00*", tiffType, Decodable},

	{0, "II+\x00", tiffType, Media}, // BigTIFF
	{0, "MM\x00+", tiffType, Media},
	{0, "II\xbc\x01", "image/jxr", Media},
	{0, "\xff\x0a", "image/jxl", Media},
	{0, "\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl", Media},
	{0, "\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2", Media},
	{0, "\xff\x4f\xff\x51", "image/j2c", Media},
	{0, "8BPS\x00", "image/vnd.adobe.photoshop", Media},
	{0, "gimp xcf", "image/x-xcf", Media},
	{0, "\x76\x2f\x31\x01", "image/x-exr", Media},
	{0, "#?RADIANCE", "image/vnd.radiance", Media},
	{0, "DDS |\x00", "image/vnd-ms.dds", Media},
	{0, "qoif", "image/qoi", Media},
	{0, "farbfeld", "image/x-farbfeld", Media},
	{0, "icns", "image/icns", Media},
	{0, "AT&TFORM", "image/vnd.djvu", Media},
	{0, "BPG\xfb", "image/bpg", Media},
	{0, "\x8aMNG\r\n\x1a\n", "video/x-mng", Media},
	{0, "\x8bJNG\r\n\x1a\n", "image/x-jng", Media},
	{0, "FUJIFILMCCD-RAW", "image/x-fuji-raf", Media},
	{0, "IIU\x00", "image/x-panasonic-rw2", Media},
	{0, "IIRO\x08\x00", "image/x-olympus-orf", Media},
	{0, "IIRS\x08\x00", "image/x-olympus-orf", Media},
	{0, "MMOR\x00", "image/x-olympus-orf", Media},
	{128, "DICM", "application/dicom", Media},

	{0, "\x1a\x45\xdf\xa3", "video/webm", Media}, // Matroska
	{0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf", Media},
	{0, "FLV\x01", "video/x-flv", Media},
	{0, "\x00\x00\x01\xba", "video/mpeg", Media},
	{0, "\x00\x00\x01\xb3", "video/mpeg", Media},
	{0, ".RMF", "application/vnd.rn-realmedia", Media},
	{0, "YUV4MPEG2 ", "video/x-yuv4mpeg", Media},
	{0, "DKIF\x00\x00", "video/x-ivf", Media},
	{0, "\x06\x0e\x2b\x34\x02\x05\x01\x01", "application/mxf", Media},

	{0, "PK\x03\x04", "application/zip", Container},
	{0, "PK\x05\x06", "application/zip", Container},
	{0, "PK\x07\x08", "application/zip", Container},
	{0, "\x1f\x8b", "application/gzip", Container},
	{0, "7z\xbc\xaf\x27\x1c", "application/x-7z-compressed", Container},
	{0, "Rar!\x1a\x07", "application/vnd.rar", Container},
	{257, "ustar", "application/x-tar", Container},
	{0, "\xfd7zXZ\x00", "application/x-xz", Container},
	{0, "\x28\xb5\x2f\xfd", "application/zstd", Container},
	{4, "1AY&SY", "application/x-bzip2", Container},
	{0, "\x04\x22\x4d\x18", "application/x-lz4", Container},
	{0, "LZIP\x01", "application/x-lzip", Container},
	{0, "MSCF\x00\x00\x00\x00", "application/vnd.ms-cab-compressed", Container},
	{0, "!<arch>\n", "application/x-archive", Container},
	{0, "\x1f\x9d", "application/x-compress", Container},
	{0, "\x60\xea", "application/x-arj", Container},
	{2, "-lh0-", "application/x-lha", Container},
	{2, "-lh5-", "application/x-lha", Container},
	{2, "-lh6-", "application/x-lha", Container},
	{2, "-lh7-", "application/x-lha", Container},
	{0x8001, "CD001", "application/x-iso9660-image", Container},

	{0, "%PDF-", "application/pdf", Nothing},
}

// Sniff names the type of a file by its first bytes, and what can be done with it. The name is empty
// when they say nothing.
func Sniff(data []byte) (mediaType string, class Class) {
	for _, s := range signatures {
		if len(data) >= s.at && bytes.HasPrefix(data[s.at:], []byte(s.magic)) {
			return s.mediaType, s.class
		}
	}
	for _, f := range []func([]byte) (string, Class){riff, bitmap, boxes, icon, anymap, stream, vector} {
		if t, c := f(data); t != "" {
			return t, c
		}
	}
	return "", Nothing
}

func riff(data []byte) (string, Class) {
	if len(data) < 12 || string(data[:4]) != "RIFF" {
		return "", Nothing
	}
	switch string(data[8:12]) {
	case "WEBP":
		if animatedWebP(data) {
			return webpType, Media
		}
		return webpType, Decodable
	case "AVI ":
		return "video/x-msvideo", Media
	case "ACON":
		return "application/x-navi-animation", Media
	case "WAVE":
		return "audio/vnd.wave", Nothing
	}
	return "", Nothing
}

// bitmap wants more than the two letters, which many a text begins with: a known header length.
func bitmap(data []byte) (string, Class) {
	if len(data) < 18 || string(data[:2]) != "BM" {
		return "", Nothing
	}
	if data[15] == 0 && data[16] == 0 && data[17] == 0 && slices.Contains([]byte{12, 16, 40, 52, 56, 64, 108, 124}, data[14]) {
		return bmpType, Decodable
	}
	return "", Nothing
}

// boxes knows the brands of the ISO base media format (ISO/IEC 14496-12), and the first boxes of
// QuickTime files that are older than brands; their length keeps texts out.
func boxes(data []byte) (string, Class) {
	if len(data) < 12 {
		return "", Nothing
	}
	switch kind := string(data[4:8]); {
	case kind == "ftyp":
	case data[0] < ' ' && slices.Contains([]string{"moov", "mdat", "wide", "pnot"}, kind):
		return "video/quicktime", Media
	default:
		return "", Nothing
	}
	n := min(int(data[3]), len(data), 64) // a longer list of brands says nothing new
	var brands []string
	for i := 8; i+4 <= max(n, 12); i += 4 {
		if i != 12 { // the minor version
			brands = append(brands, string(data[i:i+4]))
		}
	}
	for _, b := range []struct{ brand, mediaType string }{
		{"avif", "image/avif"}, {"avis", "image/avif"},
		{"heic", "image/heic"}, {"heix", "image/heic"}, {"hevc", "image/heic"}, {"heim", "image/heic"}, {"heis", "image/heic"},
		{"mif1", "image/heif"}, {"msf1", "image/heif"}, {"crx ", "image/x-canon-cr3"},
	} {
		if slices.Contains(brands, b.brand) {
			return b.mediaType, Media
		}
	}
	switch {
	case brands[0] == "M4A " || brands[0] == "M4B ":
		return "audio/mp4", Nothing
	case brands[0] == "qt  ":
		return "video/quicktime", Media
	case brands[0][:2] == "3g":
		return "video/3gpp", Media
	}
	return "video/mp4", Media
}

// icon knows Windows icons and cursors: a count, and a reserved zero in the first entry.
func icon(data []byte) (string, Class) {
	if len(data) < 22 || data[0] != 0 || data[1] != 0 || data[3] != 0 || data[4] == 0 && data[5] == 0 || data[9] != 0 {
		return "", Nothing
	}
	switch data[2] {
	case 1:
		return "image/vnd.microsoft.icon", Media
	case 2:
		return "image/x-win-bitmap", Media
	}
	return "", Nothing
}

// anymap knows PBM, PGM, PPM and PAM; a number or a comment must follow, so that no text is taken
// for one.
func anymap(data []byte) (string, Class) {
	if len(data) < 4 || data[0] != 'P' || data[1] < '1' || data[1] > '7' {
		return "", Nothing
	}
	rest := bytes.TrimLeft(data[2:min(len(data), 64)], " \t\r\n")
	if len(rest) == 0 || len(rest) == min(len(data), 64)-2 {
		return "", Nothing
	}
	if rest[0] >= '0' && rest[0] <= '9' || rest[0] == '#' || data[1] == '7' && bytes.HasPrefix(rest, []byte("WIDTH")) {
		return "image/x-portable-anymap", Media
	}
	return "", Nothing
}

// stream knows what repeats or hides its name: MPEG transport streams, Ogg, Flash, Truevision TGA.
func stream(data []byte) (string, Class) {
	synced := func(from, every int) bool {
		for i := range 3 {
			if at := from + i*every; at >= len(data) || data[at] != 0x47 {
				return false
			}
		}
		return true
	}
	switch {
	case synced(0, 188), synced(4, 192):
		return "video/mp2t", Media
	case bytes.HasPrefix(data, []byte("OggS")):
		if head := data[:min(len(data), 512)]; bytes.Contains(head, []byte("theora")) || bytes.Contains(head, []byte("video")) {
			return "video/ogg", Media
		}
		return "audio/ogg", Nothing
	case len(data) > 8 && (data[0] == 'F' || data[0] == 'C' || data[0] == 'Z') && data[1] == 'W' && data[2] == 'S' && data[3] < ' ':
		return "application/x-shockwave-flash", Media
	case bytes.HasSuffix(data, []byte("TRUEVISION-XFILE.\x00")):
		return "image/x-tga", Media
	}
	return "", Nothing
}

// vector knows SVG, also behind an XML declaration or comments.
func vector(data []byte) (string, Class) {
	head := bytes.TrimLeft(bytes.TrimPrefix(data[:min(len(data), 2048)], []byte("\xef\xbb\xbf")), " \t\r\n")
	for _, start := range []string{"<svg", "<?xml", "<!--", "<!DOCTYPE svg"} {
		if bytes.HasPrefix(head, []byte(start)) && bytes.Contains(head, []byte("<svg")) {
			return "image/svg+xml", Media
		}
	}
	return "", Nothing
}
