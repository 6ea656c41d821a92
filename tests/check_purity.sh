#!/usr/bin/env bash
# The folders wire to track of src/LAYERS decide and do nothing else: their objects (of the
# debug flavour, which is not optimised across files) may need only the symbols allowed here
# and those of pgcarwash's own libraries below net, and may hold no variable.
set -u
cd "$(dirname "$0")/.." || exit 1

objects=build/debug/obj
pure=$(sed 's/#.*//' src/LAYERS | awk '/^wire/,/^track/' | tr ' ' '\n')
below="base stats conf $pure"

# What a pure module may ask of libraries: memory, text and sorting of libc; checks the
# compiler adds; digests and secrets of libcrypto; SASLprep of libidn; the SQL parser.
allowed='^(mem(cpy|move|set|cmp|chr|rchr|mem)|explicit_bzero|str(n?len|n?cmp|n?casecmp|r?chr|str|spn|cspn|pbrk|toll?|toull?))$'
allowed+='|^(v?snprintf|__v?snprintf_chk|__mem(cpy|move|set)_chk|qsort|bsearch|abort|__assert_fail|__stack_chk_fail)$'
allowed+='|^(__ctype_b_loc|__ctype_tolower_loc|__ctype_toupper_loc|_GLOBAL_OFFSET_TABLE_)$'
allowed+='|^(EVP_|HMAC|SHA[0-9]|MD5|PKCS5_|CRYPTO_memcmp$|OPENSSL_cleanse$|X509_)'
# inet_pton reads the text of an address, nothing else.
allowed+='|^inet_pton$'
allowed+='|^(stringprep|pg_query_|protobuf_c_)'
# base has doors to the outside as well; these are closed to pure modules.
forbidden='^(log_|random_)'

# Objects of sources that are gone are not looked at.
objects_of() {
    local source
    for source in src/"$1"/*.c; do
        [ -f "$source" ] && echo "$objects/$1/$(basename "$source" .c).o"
    done
}

own=$(mktemp)
violations=$(mktemp)
trap 'rm -f "$own" "$violations"' EXIT
for folder in $below; do
    for object in $(objects_of "$folder"); do
        nm --defined-only -g "$object" | awk 'NF == 3 { print $3 }'
    done
done | sort -u >"$own"

looked=0
for folder in $pure; do
    for object in $(objects_of "$folder"); do
        looked=$((looked + 1))
        if [ ! -f "$object" ]; then
            echo "$object is not there: run make debug first"
            continue
        fi
        nm -u "$object" | awk '{ print $NF }' | sort -u |
            awk -v allowed="$allowed" -v forbidden="$forbidden" -v object="$object" '
                NR == FNR { own[$1] = 1; next }
                $1 ~ forbidden || (!($1 in own) && $1 !~ allowed) {
                    print object ": may not use " $1 }' "$own" -
        objdump -t "$object" | awk -v object="$object" '
            (/ O (\.data|\.bss|\*COM\*)/ && !/ \.data\.rel\.ro/) || (/ \.t(data|bss)/ && $NF !~ /^\.t/) {
                print object ": holds the variable " $NF }'
    done
done >"$violations"
# A name of ours that a library exports as well would be called in place of the library's.
nm -D --defined-only build/debug/pgcarwash | awk '$2 ~ /[TDBR]/ && $3 !~ /@|^(_IO_stdin_used|_?_?data_start)$/ {
    print "build/debug/pgcarwash: exports " $3 }' >>"$violations"
cat "$violations"
failed=$(wc -l <"$violations")
echo "$((looked > failed ? looked - failed : failed == 0)) passed, $failed failed"
[ "$failed" -eq 0 ]
