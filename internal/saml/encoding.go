// SPDX-License-Identifier: Apache-2.0

package saml

import (
	"bytes"
	"regexp"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

const (
	byteOrderMark = "\ufeff"
	xmlBlanks     = " \t\r\n"
)

var (
	declaration      = regexp.MustCompile(`^<\?xml[ \t\r\n][^>]{0,200}\?>`)
	declaredEncoding = regexp.MustCompile(`[ \t\r\n]encoding[ \t\r\n]*=[ \t\r\n]*["']([^"']*)["']`)
)

// utf8Text returns an XML document as UTF-8, without its byte order mark and its declaration. It
// finds the encoding as XML 1.0, appendix F does: by the byte order mark or the first characters,
// then by the declaration. The declaration of a document that was copied as text names the encoding
// that it had before, so what is valid UTF-8 is read as UTF-8.
//
// No encoding makes a document more than three times longer.
func utf8Text(document []byte) ([]byte, error) {
	if wide := wideEncoding(document); wide != nil {
		return decodeFrom(wide, document)
	}
	label := declaredIn(document)
	declared, name := charset.Lookup(label)
	switch {
	case name == "iso-2022-jp": // all its bytes are ASCII
		return decodeFrom(declared, document)
	case utf8.Valid(document):
		return withoutProlog(document), nil
	case label == "", isUnicode(name):
		return nil, invalid("it is not UTF-8 and declares no other encoding; save it as UTF-8")
	case declared == nil, name == "replacement":
		return nil, invalid("its encoding %q cannot be read; save it as UTF-8", label)
	default:
		return decodeFrom(declared, document)
	}
}

// fromCharset returns a document as UTF-8 whose charset was named outside of it, which counts more
// than its declaration (RFC 7303 §3.2). It returns the document itself where the charset is unknown
// or the document shows that it has another.
func fromCharset(document []byte, label string) []byte {
	named, name := charset.Lookup(label)
	if named == nil || isUnicode(name) || wideEncoding(document) != nil || utf8.Valid(document) {
		return document
	}
	decoded, err := decodeFrom(named, document)
	if err != nil {
		return document
	}
	return decoded
}

func decodeFrom(e encoding.Encoding, document []byte) ([]byte, error) {
	decoded, err := e.NewDecoder().Bytes(document)
	if err != nil {
		return nil, invalid("it cannot be read in its encoding: %v; save it as UTF-8", err)
	}
	return withoutProlog(decoded), nil
}

// isUnicode reports whether a document in this encoding shows that by its bytes.
func isUnicode(name string) bool { return name == "utf-8" || name == "utf-16le" || name == "utf-16be" }

// wideEncoding returns the encoding of a document whose characters have two or four bytes each, or
// nil. It begins with a byte order mark or a character of ASCII, and ASCII has no NUL in XML.
func wideEncoding(document []byte) encoding.Encoding {
	if len(document) < 4 {
		return nil
	}
	var zero [4]bool
	for i := range zero {
		zero[i] = document[i] == 0
	}
	switch {
	case bytes.HasPrefix(document, []byte{0xff, 0xfe, 0, 0}), zero == [4]bool{false, true, true, true}:
		return utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	case bytes.HasPrefix(document, []byte{0, 0, 0xfe, 0xff}), zero == [4]bool{true, true, true, false}:
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	case bytes.HasPrefix(document, []byte{0xff, 0xfe}), !zero[0] && zero[1]:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case bytes.HasPrefix(document, []byte{0xfe, 0xff}), zero[0] && !zero[1]:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	default:
		return nil
	}
}

// declaredIn returns the encoding that the XML declaration names, or nothing.
func declaredIn(document []byte) string {
	found := declaredEncoding.FindSubmatch(declaration.Find(withoutMark(document)))
	if found == nil {
		return ""
	}
	return string(found[1])
}

// withoutProlog drops the byte order mark and the XML declaration, whose version and encoding say
// nothing about text that has been decoded.
func withoutProlog(text []byte) []byte {
	text = withoutMark(text)
	return text[len(declaration.Find(text)):]
}

func withoutMark(text []byte) []byte {
	return bytes.TrimLeft(text, byteOrderMark+xmlBlanks)
}
