package yamlfile

import (
	"bytes"
	"encoding/json"
)

// fromJSON rewrites the strings of a JSON text that the YAML library does not
// read, those with the escapes \/ and \ud83d\ude00, and returns everything else
// as it is. A JSON string holds no line break, so lines stay where they are.
func fromJSON(data []byte) []byte {
	start := bytes.TrimLeft(data, " \t\r\n")
	if len(start) == 0 || start[0] != '{' && start[0] != '[' || !json.Valid(data) {
		return data
	}
	var out []byte
	for rest := data; ; {
		begin := bytes.IndexByte(rest, '"')
		if begin < 0 {
			return append(out, rest...)
		}
		end := begin + 1
		for rest[end] != '"' { // a valid JSON text closes its strings
			if rest[end] == '\\' {
				end++
			}
			end++
		}
		end++
		out = append(out, rest[:begin]...)
		out = append(out, plain(rest[begin:end])...)
		rest = rest[end:]
	}
}

// plain writes a JSON string with as few escapes as possible, if it has any.
func plain(quoted []byte) []byte {
	if !bytes.ContainsRune(quoted, '\\') {
		return quoted
	}
	var text string
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if json.Unmarshal(quoted, &text) != nil || encoder.Encode(text) != nil {
		return quoted
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}
