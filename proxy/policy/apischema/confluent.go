package apischema

// confluentKeyword is how Confluent writes tags in JSON Schema: a list.
const confluentKeyword = "confluent:tags"

// importConfluent gives what has a tag of Confluent the tag that tags has for
// it, unless it has one of its own.
func importConfluent(root *node, tags map[string]string) error {
	found, seen := make(map[string]bool), make(map[*node]bool) // by aliases a node has several parents
	var look func(n *node) error
	look = func(n *node) error {
		if seen[n] {
			return nil
		}
		seen[n] = true
		for _, v := range n.values {
			if err := look(v); err != nil {
				return err
			}
		}
		return n.importTags(tags, found)
	}
	if err := look(root); err != nil {
		return err
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
