#!/usr/bin/env bash
# Builds a Debian package from what "make install" installs: etc/debian/build.sh PROGRAM FOLDER.
# Needs dpkg-deb and no network. The package is FOLDER/pgcarwash_VERSION_ARCHITECTURE.deb, whose
# path is the last line printed.
set -eu
program=$1
folder=$2
cd "$(dirname "$0")/../.."

version=$("$program" --version | sed -n '1s/^pgcarwash //p')
architecture=$(dpkg --print-architecture)
tree=$folder/deb
date=$(date -R -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}")

# Packages of the libraries that the program is linked with. dpkg may know a library by another
# path than the loader's, as /lib is /usr/lib.
depends() {
    ldd "$program" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p' | while read -r library; do
        real=$(readlink -f "$library")
        for path in "$real" "${real#/usr}" "$library" "/usr$library"; do
            owner=$(dpkg-query -S "$path" 2>/dev/null) || continue
            echo "${owner%%:*}"
            break
        done
    done | sort -u | paste -sd, | sed 's/,/, /g'
}

rm -rf "$tree"
mkdir -p "$tree/DEBIAN"
"${MAKE:-make}" -s install DESTDIR="$(realpath "$tree")" PREFIX=/usr SYSCONFDIR=/etc \
    UNITDIR=/lib/systemd/system
strip --strip-unneeded "$tree/usr/bin/pgcarwash"
documents=$tree/usr/share/doc/pgcarwash
mv "$documents/LICENSE" "$documents/copyright"
sed -e "s/@VERSION@/$version/" -e "s/@DATE@/$date/" etc/debian/changelog.in |
    gzip -9n >"$documents/changelog.gz"
gzip -9n "$tree"/usr/share/man/man*/*

size=$(du -sk --exclude=DEBIAN "$tree" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" \
    -e "s/@DEPENDS@/$(depends)/" etc/debian/control.in >"$tree/DEBIAN/control"
cp etc/debian/conffiles "$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 755 "etc/debian/$script" "$tree/DEBIAN/$script"
done
(cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) \
    >"$tree/DEBIAN/md5sums"
chmod -R u+rwX,go+rX,go-w "$tree"
package=$folder/pgcarwash_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$tree" "$package" >/dev/null
rm -rf "$tree"
echo "$package"
