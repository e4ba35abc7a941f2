package apischema

// confluentKeyword is how Confluent writes tags in JSON Schema: a list.
const confluentKeyword = "confluent:tags"

// importConfluent gives what has a tag of Confluent the tag that tags has for
// it, unless it has one of its own.
func importConfluent(root *node, tags map[string]string) error {
	found := make(map[string]bool)
	for n := range root.all {
		if err := n.importTags(tags, found); err != nil {
			return err
		}
	}
	for of := range tags {
		if !found[of] {
			return &Error{Detail: "nothing has the tag " + of + " of Confluent"}
		}
	}
	return nil
}

// importTags is importConfluent for one object.
func (n *node) importTags(tags map[string]string, found map[string]bool) error {
	list, own := n.get(confluentKeyword), ""
	if list == nil || list.object {
		return nil
	}
	for _, of := range list.values {
		tag, ok := tags[of.scalar]
		switch {
		case !ok:
			continue
		case own != "" && own != tag:
			return of.errorf("tagged %s and %s", own, tag)
		}
		own, found[of.scalar] = tag, true
	}
	if own == "" || n.get(Keyword) != nil {
		return nil
	}
	return n.add(Keyword, &node{line: list.line, scalar: own})
}
