import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** JSON, and records of JSON. */
final class Json {
    static Reader.Way way(String name) {
        ObjectMapper mapper = new ObjectMapper();
        switch (name) {
            case "jackson":
                return (body, found) -> flat(mapper.readTree(body), List.of(), found);
            case "jackson_values": // one value behind the other, as readers of NDJSON do
                return (body, found) -> {
                    try (MappingIterator<JsonNode> values = mapper.readerFor(JsonNode.class).readValues(body)) {
                        while (values.hasNextValue()) {
                            flat(values.nextValue(), List.of(), found);
                        }
                    }
                };
            case "gson":
                return (body, found) ->
                        flat(JsonParser.parseString(new String(body, StandardCharsets.UTF_8)), List.of(), found);
            default:
                throw new IllegalArgumentException(name);
        }
    }

    static void flat(JsonNode node, List<Object> path, Reader.Found found) {
        if (node.isObject()) {
            for (Map.Entry<String, JsonNode> member : node.properties()) {
                flat(member.getValue(), Reader.with(path, member.getKey()), found);
            }
        } else if (node.isArray()) {
            for (int i = 0; i < node.size(); i++) {
                flat(node.get(i), Reader.with(path, i), found);
            }
        } else {
            found.add(path, node.asText());
        }
    }

    private static void flat(JsonElement value, List<Object> path, Reader.Found found) {
        if (value.isJsonObject()) {
            for (Map.Entry<String, JsonElement> member : value.getAsJsonObject().entrySet()) {
                flat(member.getValue(), Reader.with(path, member.getKey()), found);
            }
        } else if (value.isJsonArray()) {
            for (int i = 0; i < value.getAsJsonArray().size(); i++) {
                flat(value.getAsJsonArray().get(i), Reader.with(path, i), found);
            }
        } else if (value.isJsonPrimitive()) {
            found.add(path, value.getAsString());
        }
    }
}
