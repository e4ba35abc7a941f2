"""CSV."""

import csv
import io


def dict_reader():
    def read(body):
        rows = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))
        for i, row in enumerate(rows):
            for k, v in row.items():
                yield [i, str(k)], str(v)

    return read
