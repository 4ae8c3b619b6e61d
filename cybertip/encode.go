package cybertip

import (
	"bytes"
	"encoding/xml"
	"errors"
	"reflect"

	"github.com/houvast/houvast"
)

// ContentType is the media type of every document that is sent.
const ContentType = "text/xml; charset=utf-8"

// MaxDocument is the largest document that Encode makes and Decode reads, in bytes. The service
// states no limit; a chat log of this size is better sent as a supplemental file.
const MaxDocument = 16 << 20

// prolog begins every document.
const prolog = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// Encode writes r as the document for /submit: prolog, two spaces an indent, one newline at the end;
// equal reports give equal bytes. It does not validate, so that a draft can be shown, but refuses
// text that XML cannot hold (code "unclean-text", see Clean), a structure whose question was not
// answered, and more than MaxDocument.
func Encode(r Report) ([]byte, error) {
	return encode("cybertip.Encode", reportTree, reflect.ValueOf(r))
}

// EncodeFileDetails writes d as the document for /fileinfo, as Encode does.
func EncodeFileDetails(d FileDetails) ([]byte, error) {
	return encode("cybertip.EncodeFileDetails", fileTree, reflect.ValueOf(d))
}

func encode(op string, tree *element, v reflect.Value) ([]byte, error) {
	var unclean string
	visit(tree, v, "/"+tree.name, func(path string, _ *element, v reflect.Value) {
		if unclean == "" && v.Kind() == reflect.String && !holdable(v.String()) {
			unclean = path
		}
	})
	if unclean != "" {
		return nil, houvast.Errorf(op, houvast.Invalid, "unclean-text", "%s holds characters that XML cannot carry", unclean).
			WithHint("clean the report first and keep the list of changed paths")
	}
	var b bytes.Buffer
	b.WriteString(prolog)
	enc := xml.NewEncoder(&b)
	enc.Indent("", "  ")
	if err := enc.EncodeElement(v.Interface(), xml.StartElement{Name: xml.Name{Local: tree.name}}); err != nil {
		var ours *houvast.Error
		if errors.As(err, &ours) {
			return nil, houvast.Wrap(op, ours)
		}
		return nil, houvast.Errorf(op, houvast.Internal, "encode-failed", "the document could not be written")
	}
	b.WriteByte('\n')
	if b.Len() > MaxDocument {
		return nil, houvast.Errorf(op, houvast.TooLarge, "document-too-large", "the document has %d bytes, more than %d", b.Len(), MaxDocument).
			WithHint("send long conversations as a supplemental file")
	}
	return b.Bytes(), nil
}
