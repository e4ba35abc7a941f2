import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import java.io.InputStreamReader;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVRecord;

/** CSV, whose first line has names. */
final class Csv {
    static Reader.Way way(String name) {
        switch (name) {
            case "jackson":
                return jackson();
            case "commons":
                return commons(CSVFormat.DEFAULT);
            case "commons_excel":
                return commons(CSVFormat.EXCEL.builder().setAllowMissingColumnNames(true).get());
            default:
                throw new IllegalArgumentException(name);
        }
    }

    private static Reader.Way jackson() {
        CsvMapper mapper = new CsvMapper();
        CsvSchema schema = CsvSchema.emptySchema().withHeader();
        return (body, found) -> {
            try (MappingIterator<Map<String, String>> rows =
                    mapper.readerForMapOf(String.class).with(schema).readValues(body)) {
                for (int i = 0; rows.hasNextValue(); i++) {
                    int row = i;
                    rows.nextValue().forEach((k, v) -> found.add(List.of(row, k), v));
                }
            }
        };
    }

    private static Reader.Way commons(CSVFormat dialect) {
        CSVFormat format = dialect.builder().setHeader().setSkipHeaderRecord(true).get();
        return (body, found) -> {
            InputStreamReader text = new InputStreamReader(new ByteArrayInputStream(body), StandardCharsets.UTF_8);
            int i = 0;
            for (CSVRecord row : format.parse(text)) {
                int n = i++;
                row.toMap().forEach((k, v) -> found.add(List.of(n, k), v));
            }
        };
    }
}
