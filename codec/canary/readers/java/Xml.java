import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.xml.XmlMapper;
import com.fasterxml.jackson.dataformat.xml.deser.FromXmlParser;
import java.io.ByteArrayInputStream;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.SAXParserFactory;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamReader;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.Attributes;
import org.xml.sax.helpers.DefaultHandler;

/** XML, by local names: Xerces (DOM, SAX), the JDK's StAX, Woodstox and Jackson. */
final class Xml {
    static Reader.Way way(String name) throws Exception {
        switch (name) {
            case "dom":
                return dom();
            case "sax":
                return sax();
            case "stax":
                return stax(XMLInputFactory.newDefaultFactory());
            case "woodstox":
                return stax(new com.ctc.wstx.stax.WstxInputFactory());
            case "jackson":
                return jackson();
            default:
                throw new IllegalArgumentException(name);
        }
    }

    private static Reader.Way dom() throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newDefaultInstance();
        factory.setNamespaceAware(true);
        var builder = factory.newDocumentBuilder();
        builder.setErrorHandler(new DefaultHandler()); // which throws faults, and does not print them
        return (body, found) ->
            elements(builder.parse(new ByteArrayInputStream(body)).getDocumentElement(), List.of(), found);
    }

    private static void elements(Element e, List<Object> above, Reader.Found found) {
        List<Object> path = Reader.with(above, e.getLocalName());
        found.add(path, e.getTextContent());
        for (int i = 0; i < e.getAttributes().getLength(); i++) {
            Node a = e.getAttributes().item(i);
            found.add(Reader.with(path, "@" + a.getLocalName()), a.getNodeValue());
        }
        for (Node child = e.getFirstChild(); child != null; child = child.getNextSibling()) {
            if (child instanceof Element inner) {
                elements(inner, path, found);
            } else {
                found.add(path, child.getNodeType() == Node.COMMENT_NODE ? null : child.getNodeValue());
            }
        }
    }

    private static Reader.Way sax() throws Exception {
        SAXParserFactory factory = SAXParserFactory.newDefaultInstance();
        factory.setNamespaceAware(true);
        var parser = factory.newSAXParser();
        return (body, found) -> parser.parse(new ByteArrayInputStream(body), new DefaultHandler() {
            private final List<Object> path = new ArrayList<>();

            @Override
            public void startElement(String uri, String local, String name, Attributes attributes) {
                path.add(local);
                for (int i = 0; i < attributes.getLength(); i++) {
                    found.add(Reader.with(path, "@" + attributes.getLocalName(i)), attributes.getValue(i));
                }
            }

            @Override
            public void characters(char[] text, int start, int length) {
                found.add(path, new String(text, start, length));
            }

            @Override
            public void endElement(String uri, String local, String name) {
                path.remove(path.size() - 1);
            }
        });
    }

    private static Reader.Way stax(XMLInputFactory factory) {
        factory.setProperty(XMLInputFactory.IS_COALESCING, true); // texts beside CDATA as one
        return (body, found) -> {
            XMLStreamReader events = factory.createXMLStreamReader(new ByteArrayInputStream(body));
            List<Object> path = new ArrayList<>();
            while (events.hasNext()) {
                switch (events.next()) {
                    case XMLStreamConstants.START_ELEMENT:
                        path.add(events.getLocalName());
                        for (int i = 0; i < events.getAttributeCount(); i++) {
                            found.add(Reader.with(path, "@" + events.getAttributeLocalName(i)), events.getAttributeValue(i));
                        }
                        break;
                    case XMLStreamConstants.END_ELEMENT:
                        path.remove(path.size() - 1);
                        break;
                    case XMLStreamConstants.CHARACTERS:
                    case XMLStreamConstants.CDATA:
                        found.add(path, events.getText());
                        break;
                    default:
                }
            }
        };
    }

    /**
     * Jackson's tree has no root element, and an attribute is a member like an element. What is in ssn and card, whose
     * content rules own, can only be an attribute.
     */
    private static Reader.Way jackson() {
        XmlMapper mapper = new XmlMapper();
        return (body, found) -> {
            try (FromXmlParser parser =
                    (FromXmlParser) mapper.getFactory().createParser(new ByteArrayInputStream(body))) {
                String root = parser.getStaxReader().getLocalName();
                members(mapper.readTree(parser), List.of(root), found);
            }
        };
    }

    private static void members(JsonNode node, List<Object> path, Reader.Found found) {
        if (node.isArray()) {
            node.forEach(element -> members(element, path, found));
        } else if (node.isObject()) {
            node.properties().forEach(m ->
                    members(m.getValue(), m.getKey().isEmpty() ? path : Reader.with(path, name(path, m.getKey())), found));
        } else {
            found.add(path, node.asText());
        }
    }

    private static String name(List<Object> path, String member) {
        Object last = path.get(path.size() - 1);
        return last.equals("ssn") || last.equals("card") ? "@" + member : member;
    }
}
