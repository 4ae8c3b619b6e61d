package decode

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// A form is what a file says about itself beyond the pixels that are rendered.
type form struct {
	orientation int  // 1 to 8
	frames      int  // at least 1, at most maxFrames
	more        bool // behind the picture lies another picture, a video or an archive
}

// maxFrames bounds the count, and with it the work of walking a chain that goes in a circle.
const maxFrames = 10_000

// inspect walks a file that was decoded. Whatever is malformed only ends the walk.
func inspect(mediaType string, data []byte) form {
	f := form{orientation: 1, frames: 1}
	end := len(data)
	switch mediaType {
	case jpegType:
		end = f.jpeg(data)
	case pngType:
		end = f.png(data)
	case gifType:
		end = f.gif(data)
	case webpType:
		end = f.webp(data)
	case tiffType:
		f.orientation = orientation(data)
		f.frames = pages(data)
	case bmpType:
		if n := binary.LittleEndian.Uint32(data[2:]); n >= 18 { // some writers leave it 0
			end = min(end, int(n))
		}
	}
	f.more = holdsMedia(data[end:])
	return f
}

// jpeg reads the orientation and counts the pictures that follow one another, as in the Multi-Picture
// Format (CIPA DC-007). It returns where the last one ends.
func (f *form) jpeg(data []byte) (end int) {
	seen := false
	end = markers(data, func(m byte, segment []byte) bool {
		if block, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok && m == app1 && !seen {
			seen, f.orientation = true, orientation(block)
		}
		return true
	})
	for f.frames < maxFrames && bytes.HasPrefix(data[end:], []byte{0xff, soi, 0xff}) {
		f.frames++
		end += markers(data[end:], func(byte, []byte) bool { return true })
	}
	return end
}

// png reads eXIf and counts the frames of an animation (PNG third edition, sections 11.3.4 and 11.3.2):
// one for each fcTL, and the still picture when it is none of them.
func (f *form) png(data []byte) (end int) {
	controls, pictured := 0, false
	for end = 8; len(data)-end >= 12; {
		n := int(binary.BigEndian.Uint32(data[end:]))
		if n > len(data)-end-12 {
			return len(data)
		}
		kind, body := string(data[end+4:end+8]), data[end+8:end+8+n]
		end += 12 + n
		switch {
		case kind == "eXIf" && f.orientation == 1:
			f.orientation = orientation(body)
		case kind == "fcTL" && !pictured && controls == 0:
			controls++
		case kind == "fcTL" && controls < maxFrames:
			f.frames, controls = f.frames+1, controls+1
		case kind == "IDAT":
			pictured = true
		case kind == "IEND":
			return end
		}
	}
	return len(data)
}

// gif counts the images (GIF89a, section 20).
func (f *form) gif(data []byte) (end int) {
	rest := data[min(13, len(data)):]
	if data[10]&0x80 != 0 {
		_, rest = colours(rest, data[10])
	}
	for images := 0; len(rest) > 1; {
		switch rest[0] {
		case 0x21:
			rest = subBlocks(rest[2:])
		case 0x2c:
			images++
			f.frames = min(images, maxFrames)
			if len(rest) < 11 {
				return len(data)
			}
			flags, after := rest[9], rest[10:]
			if flags&0x80 != 0 {
				_, after = colours(after, flags)
			}
			rest = subBlocks(after[min(1, len(after)):])
		case 0x3b:
			return len(data) - len(rest) + 1
		default:
			return len(data) - len(rest)
		}
	}
	return len(data)
}

// webp reads the EXIF chunk (RFC 9649, section 2.7).
func (f *form) webp(data []byte) (end int) {
	end = min(8+int(binary.LittleEndian.Uint32(data[4:])), len(data))
	for i := 12; end-i >= 8; {
		n := int(binary.LittleEndian.Uint32(data[i+4:]))
		if n > end-i-8 {
			break
		}
		if string(data[i:i+4]) == "EXIF" {
			f.orientation = orientation(bytes.TrimPrefix(data[i+8:i+8+n], []byte("Exif\x00\x00")))
		}
		i += 8 + n + n&1
	}
	return end
}

// A block is a TIFF structure: a byte order and directories (TIFF 6.0, section 2).
type block struct {
	data  []byte
	order binary.ByteOrder
}

func tiffBlock(data []byte) (b block, first int, ok bool) {
	switch {
	case len(data) < 8:
		return b, 0, false
	case string(data[:4]) == "II*\x00":
		b = block{data, binary.LittleEndian}
	case string(data[:4]) == "MM\x00*":
		b = block{data, binary.BigEndian}
	default:
		return b, 0, false
	}
	return b, int(b.order.Uint32(data[4:])), true
}

// directory returns the entries of the directory at an offset, 12 bytes each, and where the next is.
func (b block) directory(at int) (entries []byte, next int) {
	if at < 8 || at > len(b.data)-2 {
		return nil, 0
	}
	n := 12 * int(b.order.Uint16(b.data[at:]))
	if at += 2; n > len(b.data)-at {
		return nil, 0
	}
	if at+n+4 <= len(b.data) {
		next = int(b.order.Uint32(b.data[at+n:]))
	}
	return b.data[at : at+n], next
}

// orientation reads tag 0x0112 of the first directory; 1 when there is none that makes sense.
func orientation(data []byte) int {
	b, at, ok := tiffBlock(data)
	if !ok {
		return 1
	}
	for e, _ := b.directory(at); len(e) > 0; e = e[12:] {
		if b.order.Uint16(e) == 0x0112 && b.order.Uint16(e[2:]) == 3 {
			if v := int(b.order.Uint16(e[8:])); v >= 1 && v <= 8 {
				return v
			}
			return 1
		}
	}
	return 1
}

// pages counts the directories of a TIFF.
func pages(data []byte) int {
	b, at, ok := tiffBlock(data)
	n := 0
	for ok && at != 0 && n < maxFrames {
		var entries []byte
		if entries, at = b.directory(at); len(entries) > 0 {
			n++
		}
	}
	return max(n, 1)
}

// holdsMedia reports whether the bytes behind a picture hold something else to look at. Makers of
// phones put their own notes there, which are nothing; a clip of moving pictures is something.
func holdsMedia(rest []byte) bool {
	return slices.ContainsFunc([]string{"\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "GIF8", "WEBPVP8", "ftyp", "PK\x03\x04", "Rar!\x1a\x07", "7z\xbc\xaf\x27\x1c", "\x1a\x45\xdf\xa3"},
		func(magic string) bool { return bytes.Contains(rest, []byte(magic)) })
}
