import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.commons.fileupload.FileItemIterator;
import org.apache.commons.fileupload.FileItemStream;
import org.apache.commons.fileupload.FileUpload;
import org.apache.commons.fileupload.UploadContext;

/** Multipart forms, as Commons FileUpload reads them for servlets. */
final class Form {
    static Reader.Way way(String contentType) {
        return (body, found) -> {
            FileItemIterator parts = new FileUpload().getItemIterator(new Request(contentType, body));
            while (parts.hasNext()) {
                FileItemStream part = parts.next();
                byte[] value;
                try (InputStream in = part.openStream()) {
                    value = in.readAllBytes();
                }
                found.add(List.of(part.getFieldName()), new String(value, StandardCharsets.UTF_8));
            }
        };
    }

    private record Request(String contentType, byte[] body) implements UploadContext {
        @Override
        public String getCharacterEncoding() {
            return "UTF-8";
        }

        @Override
        public String getContentType() {
            return contentType;
        }

        @Override
        public int getContentLength() {
            return body.length;
        }

        @Override
        public long contentLength() {
            return body.length;
        }

        @Override
        public InputStream getInputStream() {
            return new ByteArrayInputStream(body);
        }
    }
}
