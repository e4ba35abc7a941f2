<?php
// A page of "php -S" that says what PHP has read of a form: fields and files.
$found = [];
$walk = function ($value, array $path) use (&$walk, &$found): void {
    if (is_array($value)) {
        foreach ($value as $name => $member) {
            $walk($member, [...$path, $name]);
        }
    } elseif (str_contains($value, 'CANARY')) {
        $found[] = [$path, $value];
    }
};
$walk($_POST, []);
foreach ($_FILES as $name => $file) {
    if (is_string($file['tmp_name']) && $file['tmp_name'] !== '') {
        $walk(file_get_contents($file['tmp_name']), [$name]);
    }
}
echo json_encode($found, JSON_INVALID_UTF8_SUBSTITUTE);
