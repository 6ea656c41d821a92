#!/usr/bin/env bash
# make install, make uninstall and make deb, in a folder of their own: every file is where it
# belongs, the program runs, the unit and the manual pages are accepted by those who read them.
set -u
cd "$(dirname "$0")/../.." || exit 1

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
passed=0
failed=0

# check NAME COMMAND...: the command must succeed.
check() {
    local name=$1
    shift
    if "$@" >"$folder/output" 2>&1; then
        passed=$((passed + 1))
    else
        echo "FAILED $name"
        head -30 "$folder/output"
        failed=$((failed + 1))
    fi
}

is_silent() {
    local said
    said=$("$@" 2>&1) && [ -z "$said" ] || { echo "$said"; return 1; }
}

expect_files() {
    diff <(sort "$1") <(cd "$2" && find . -type f -printf '/%P\n' | sort)
}

lists() {
    local out=$1
    cat >"$out" <<END
/usr/bin/pgcarwash
/usr/share/man/man1/pgcarwash.1
/usr/share/man/man5/pgcarwash.5
/usr/share/doc/pgcarwash/README.md
/usr/share/doc/pgcarwash/LICENSE
/usr/share/doc/pgcarwash/pgcarwash.ini.example
/lib/systemd/system/pgcarwash.service
/lib/systemd/system/pgcarwash.socket
/etc/logrotate.d/pgcarwash
END
    for name in haproxy/haproxy.cfg $(cd etc && ls patroni/*); do
        echo "/usr/share/doc/pgcarwash/examples/$name" >>"$out"
    done
    for name in docs/[A-Z]*.md; do
        echo "/usr/share/doc/pgcarwash/${name#docs/}" >>"$out"
    done
    cat >"$folder/configuration" <<END
/etc/pgcarwash/pgcarwash.ini
/etc/pgcarwash/userlist.txt
/etc/pgcarwash/hba.conf
END
    cat "$folder/configuration" >>"$out"
}

run_make() {
    "${MAKE:-make}" -s "$@" DESTDIR="$folder/root" PREFIX=/usr UNITDIR=/lib/systemd/system
}

lists "$folder/wanted"
check "make install" run_make install
check "all files and no others" expect_files "$folder/wanted" "$folder/root"
check "the program runs" "$folder/root/usr/bin/pgcarwash" -V
check "no word is left to be filled in" \
    sh -c '! grep -rn "@[A-Z]*@" "$1/etc" "$1/lib"' sh "$folder/root"
check "the unit starts what was installed" grep -q \
    '^ExecStart=/usr/bin/pgcarwash /etc/pgcarwash/pgcarwash.ini$' \
    "$folder/root/lib/systemd/system/pgcarwash.service"
check "secrets are not for everybody" \
    test "$(stat -c %a "$folder/root/etc/pgcarwash/userlist.txt")" = 640
sed "s|/etc/pgcarwash|$folder/root/etc/pgcarwash|" "$folder/root/etc/pgcarwash/pgcarwash.ini" \
    >"$folder/installed.ini"
check "the configuration is valid" "$folder/root/usr/bin/pgcarwash" --check "$folder/installed.ini"
if command -v systemd-analyze >/dev/null; then
    mkdir "$folder/units"
    cp "$folder"/root/lib/systemd/system/pgcarwash.* "$folder/units"
    sed -i 's|^ExecStart=.*|ExecStart=/bin/true|' "$folder/units/pgcarwash.service"
    check "systemd takes the units" sh -c '! systemd-analyze --man=no verify \
        "$1/pgcarwash.service" "$1/pgcarwash.socket" 2>&1 | grep "pgcarwash\."' sh "$folder/units"
fi
if command -v man >/dev/null && command -v groff >/dev/null; then
    for page in docs/pgcarwash.1 docs/pgcarwash.5; do
        check "groff takes $page" is_silent env LC_ALL=C.UTF-8 \
            sh -c 'man --warnings -l "$1" >/dev/null' sh "$page"
    done
fi

echo ";mine" >>"$folder/root/etc/pgcarwash/pgcarwash.ini"
check "make install again" run_make install
check "a configuration stays as it is" grep -q '^;mine$' "$folder/root/etc/pgcarwash/pgcarwash.ini"
check "make uninstall" run_make uninstall
check "only the configuration is left" expect_files "$folder/configuration" "$folder/root"

if command -v dpkg-deb >/dev/null; then
    mkdir "$folder/built"
    check "the package is built" etc/debian/build.sh build/release/pgcarwash "$folder/built"
    package=$(tail -n 1 "$folder/output")
    sed -i -e 's|/LICENSE$|/copyright|' -e 's|\(/man[15]/.*\)|\1.gz|' "$folder/wanted"
    echo /usr/share/doc/pgcarwash/changelog.gz >>"$folder/wanted"
    check "it is unpacked" dpkg-deb -x "$package" "$folder/unpacked"
    check "it has all files and no others" expect_files "$folder/wanted" "$folder/unpacked"
    check "its program runs" "$folder/unpacked/usr/bin/pgcarwash" -V
    check "it belongs to root" sh -c '! dpkg-deb -c "$1" | grep -v " root/root "' sh "$package"
    check "its control file is read" dpkg-deb --info "$package"
    for library in libc6 libevent libssl3; do
        check "it depends on $library" \
            sh -c 'dpkg-deb -f "$1" Depends | grep -q "$2"' sh "$package" "$library"
    done
    check "its scripts are well-formed" sh -c 'dpkg-deb -e "$1" "$2/control" &&
        for name in postinst prerm postrm; do sh -n "$2/control/$name" || exit 1; done' \
        sh "$package" "$folder"
    check "its conffiles exist" sh -c 'while read -r name; do test -e "$1$name" || exit 1; done \
        <"$2/control/conffiles"' sh "$folder/unpacked" "$folder"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
