#!/bin/sh
# sipmessage 0.7.1: two addresses with quoted names in one Contact header (RFC 3261 section 20.10 and
# section 7.3.1: values that commas divide) are parsed into one, whose name holds the first.
# Output seen: 1 address: 'Ann" <sip:ann@example.org>, "Ben' <sip:ben@example.org>
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q sipmessage==0.7.1
seen=$("$folder/venv/bin/python" - <<'PYTHON'
from sipmessage import Address

found = Address.parse_many('"Ann" <sip:ann@example.org>, "Ben" <sip:ben@example.org>')
print(len(found), "address:", f"{found[0].name!r} <{found[0].uri}>")
PYTHON
)
echo "$seen"
[ "$seen" = "1 address: 'Ann\" <sip:ann@example.org>, \"Ben' <sip:ben@example.org>" ]
