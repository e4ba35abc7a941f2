import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.MapEntry;
import com.google.protobuf.Message;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Protobuf, by a file with a descriptor set. */
final class Proto {
    private final Map<String, Descriptor> types = new HashMap<>();

    static Reader.Way way(String file) throws Exception {
        Proto proto = new Proto();
        Map<String, FileDescriptor> files = new HashMap<>();
        for (FileDescriptorProto p : FileDescriptorSet.parseFrom(Files.readAllBytes(Path.of(file))).getFileList()) {
            List<FileDescriptor> imports = new ArrayList<>();
            for (String name : p.getDependencyList()) {
                imports.add(files.get(name));
            }
            FileDescriptor built = FileDescriptor.buildFrom(p, imports.toArray(new FileDescriptor[0]));
            files.put(p.getName(), built);
            built.getMessageTypes().forEach(t -> proto.types.put(t.getFullName(), t));
        }
        Descriptor user = proto.types.get("test.User");
        return (body, found) -> proto.values(DynamicMessage.parseFrom(user, body), List.of(), found);
    }

    private void values(Message m, List<Object> path, Reader.Found found) throws Exception {
        String kind = m.getDescriptorForType().getFullName();
        if (kind.equals("google.protobuf.Any")) {
            Any any = Any.parseFrom(m.toByteString());
            Descriptor inner = types.get(any.getTypeUrl().substring(any.getTypeUrl().lastIndexOf('/') + 1));
            values(DynamicMessage.parseFrom(inner, any.getValue()), path, found);
            return;
        }
        boolean wellKnown = kind.startsWith("google.protobuf.");
        for (Map.Entry<FieldDescriptor, Object> field : m.getAllFields().entrySet()) {
            FieldDescriptor d = field.getKey();
            List<Object> own = wellKnown ? path : Reader.with(path, d.getName());
            if (!d.isRepeated()) {
                one(field.getValue(), own, found);
                continue;
            }
            List<?> elements = (List<?>) field.getValue();
            Map<String, Object> last = new HashMap<>();
            for (int i = 0; i < elements.size(); i++) {
                if (d.isMapField()) {
                    Message entry = (Message) elements.get(i);
                    last.put(String.valueOf(part(entry, "key")), part(entry, "value"));
                } else {
                    one(elements.get(i), Reader.with(own, i), found);
                }
            }
            for (Map.Entry<String, Object> e : last.entrySet()) {
                one(e.getValue(), Reader.with(own, e.getKey()), found);
            }
        }
    }

    private static Object part(Message entry, String name) {
        return entry.getField(entry.getDescriptorForType().findFieldByName(name));
    }

    private void one(Object value, List<Object> path, Reader.Found found) throws Exception {
        if (value instanceof Message m) {
            values(m, path, found);
        } else {
            found.add(path, value instanceof ByteString b ? b.toStringUtf8() : String.valueOf(value));
        }
    }
}
