#!/bin/sh
# curl, as people use it. Usage: curl.sh URL
set -eu
url=$1 ssn=078-05-1120 jar=$(mktemp)
note=$(printf 'a & b+c=d; \r\n%s é' $ssn)
trap 'rm -f "$jar"' EXIT

token() { curl -sS -b "$jar" -c "$jar" "$url/$1" | sed -n 's/.*name="csrfmiddlewaretoken" value="\([^"]*\)".*/\1/p'; }
say() { printf '{"client": "curl %s", "status": 200, "body": %s}\n' "$1" "$2"; }
# page prints the address that a form leads to.
page() { curl -sS --fail-with-body -L -b "$jar" -c "$jar" -o /dev/null -w '%{url_effective}' "$@"; }

token=$(token people/new)
at=$(page --data-urlencode csrfmiddlewaretoken="$token" -d name=curl -d ssn=$ssn --data-urlencode note="$note" "$url/people")
say form "$(curl -sS "$at.json")"
at=$(page -F csrfmiddlewaretoken="$token" -F name=curl -F ssn=$ssn --form-string "note=$note" -F 'photo=@photo.png;filename=été (1).png' "$url/people")
say multipart "$(curl -sS "$at.json")"
# Without -L: curl would send the header with the GET that follows, too.
at=$(curl -sS -b "$jar" -o /dev/null -w '%{redirect_url}' -H 'Transfer-Encoding: chunked' --data-urlencode csrfmiddlewaretoken="$token" -d name=curl -d ssn=$ssn --data-urlencode note="$note" "$url/people")
say chunked "$(curl -sS "$at.json")"
say search "$(curl -sSL -G -d ssn=$ssn "$url/search")"
token=$(token login)
say log-in "$(curl -sSL -b "$jar" -c "$jar" --data-urlencode csrfmiddlewaretoken="$token" -d ssn=$ssn "$url/login")"
