package apischema

// Read reads an OpenAPI document, which has the key openapi, or a JSON Schema.
// confluent has tags for those that Confluent writes as confluent:tags; nil for
// none. Its errors are of type [*Error].
func Read(src []byte, confluent map[string]string) (*API, error) {
	root, err := parse(src)
	if err != nil {
		return nil, err
	}
	if err := importConfluent(root, confluent); err != nil {
		return nil, err
	}
	if root.get("openapi") != nil || root.get("swagger") != nil {
		return readOpenAPI(root)
	}
	return readJSONSchema(root)
}

// JSONSchema reads a JSON Schema, of any draft, in JSON or YAML. It describes
// the bodies of both directions of the one route in the result, which has no
// name, method and path. Its errors are of type [*Error].
func JSONSchema(src []byte) (*API, error) {
	root, err := parse(src)
	if err != nil {
		return nil, err
	}
	return readJSONSchema(root)
}

func readJSONSchema(root *node) (*API, error) {
	d := &document{root: root, used: map[*node]bool{}}
	var r Route
	for _, dir := range []struct {
		rules   *Rules
		request bool
	}{{&r.Request, true}, {&r.Response, false}} {
		w := &walker{document: d, request: dir.request}
		if err := w.enter(root, nil, nil); err != nil {
			return nil, err
		}
		dir.rules.Body = w.rules()
	}
	return d.finish(&API{Routes: []Route{r}}, "nothing in the schema refers to them")
}
