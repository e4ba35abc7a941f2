<?php
// Reads bodies as applications do, one way for each process. See reader.py, which
// has the same usage and frames.

const CANARY = 'CANARY';

function flat(mixed $value, array $path, array &$found): void
{
    if (is_array($value)) {
        foreach ($value as $name => $member) {
            flat($member, [...$path, $name], $found);
        }
    } elseif (is_string($value) && str_contains($value, CANARY)) {
        $found[] = [$path, $value];
    }
}

function element(SimpleXMLElement $e, array $path, array &$found): void
{
    flat((string) $e, $path, $found);
    $spaces = ['' => null] + $e->getDocNamespaces(true);
    foreach ($spaces as $space) {
        foreach ($e->attributes($space) ?? [] as $name => $value) {
            flat((string) $value, [...$path, '@' . $name], $found);
        }
        foreach ($e->children($space) ?? [] as $name => $child) {
            element($child, [...$path, $name], $found);
        }
    }
}

function rows(string $body, string $escape): array
{
    $file = fopen('php://memory', 'w+');
    fwrite($file, $body);
    rewind($file);
    $names = fgetcsv($file, null, ',', '"', $escape);
    $rows = [];
    while (($fields = fgetcsv($file, null, ',', '"', $escape)) !== false) {
        $row = [];
        foreach ($fields as $i => $field) {
            $row[$names[$i] ?? ''] = $field;
        }
        $rows[] = $row;
    }
    fclose($file);
    return $rows;
}

// $_POST of a urlencoded body: parse_str has the same code.
function form(string $body): array
{
    parse_str($body, $post);
    return $post;
}

$ways = [
    'form' => fn (string $body) => form($body),
    'json' => fn (string $body) => json_decode($body, true),
    'csv' => fn (string $body) => rows($body, '\\'), // the default of PHP 8
    'csv_no_escape' => fn (string $body) => rows($body, ''),
    'xml' => function (string $body): array {
        $root = simplexml_load_string($body);
        return $root === false ? [] : [$root];
    },
];
$way = $ways[$argv[1]];
ini_set('display_errors', 'stderr');
error_reporting(0);
ini_set('max_input_vars', '1000'); // as installed
while (strlen($head = fread(STDIN, 4)) === 4) {
    $length = unpack('N', $head)[1];
    $body = '';
    while (strlen($body) < $length) {
        $body .= fread(STDIN, $length - strlen($body));
    }
    $found = [];
    $value = $way($body);
    if ($argv[1] === 'xml') {
        foreach ($value as $root) {
            element($root, [$root->getName()], $found);
        }
    } else {
        flat($value, [], $found);
    }
    $reply = json_encode($found, JSON_INVALID_UTF8_SUBSTITUTE);
    fwrite(STDOUT, pack('N', strlen($reply)) . $reply);
}
