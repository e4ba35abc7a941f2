import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.util.ArrayList;
import java.util.List;

/** Reads bodies as applications do, one way for each process. See reader.py, which has the same usage and frames. */
public final class Reader {
    static final String CANARY = "CANARY";

    /** A way to read bodies. What it has found before it fails counts. */
    interface Way {
        void read(byte[] body, Found found) throws Exception;
    }

    /** What was read: paths and values that have the canary. */
    static final class Found {
        final List<Object> all = new ArrayList<>();

        void add(List<?> path, String value) {
            if (value != null && value.contains(CANARY)) {
                all.add(List.of(List.copyOf(path), value));
            }
        }
    }

    static <T> List<T> with(List<T> path, T step) {
        List<T> longer = new ArrayList<>(path);
        longer.add(step);
        return longer;
    }

    private static Way way(String name, String argument) throws Exception {
        String module = name.substring(0, name.indexOf('.'));
        String rest = name.substring(name.indexOf('.') + 1);
        switch (module) {
            case "json": return Json.way(rest);
            case "csv": return Csv.way(rest);
            case "xml": return Xml.way(rest);
            case "form": return Form.way(argument);
            case "protobuf": return Proto.way(argument);
            default: throw new IllegalArgumentException(name);
        }
    }

    public static void main(String[] args) throws Exception {
        Way way = way(args[0], args[1]);
        ObjectMapper json = new ObjectMapper();
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out, 1 << 16));
        while (true) {
            byte[] body;
            try {
                body = new byte[in.readInt()];
            } catch (EOFException end) {
                return;
            }
            in.readFully(body);
            Found found = new Found();
            try {
                way.read(body, found);
            } catch (Exception | StackOverflowError fault) {
                // The application reads no more of the body.
            }
            byte[] reply = json.writeValueAsBytes(found.all);
            out.writeInt(reply.length);
            out.write(reply);
            if (in.available() == 0) {
                out.flush();
            }
        }
    }
}
