package library

import "testing"

// Every codec and every library reads the documents of its format.
func TestFormats(t *testing.T) {
	cases, err := Formats()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for _, tagged := range []int{0, 5} {
			doc := c.Document(tagged)
			_, err := c.Codec(doc, tagged)
			if err == nil {
				err = c.Peer(doc).Run()
			}
			if err != nil {
				t.Errorf("%s with %d values: %v", c.Name, tagged, err)
			}
		}
	}
}
