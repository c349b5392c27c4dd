#!/bin/sh
# A Debian package of a built program: packaging/build.sh PROGRAM FOLDER [-zLEVEL or -Znone, for dpkg-deb]
# The same program, sources and SOURCE_DATE_EPOCH (seconds since 1970, for all times in it) make the same bytes.
# Needs dpkg-dev and binutils, which Debian's build-essential brings.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "$1")
folder=$(realpath "$2")
shift 2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(stat -c %Y "$program")}
export SOURCE_DATE_EPOCH
umask 022

version=${XTREAM_DEB_VERSION:-$("$program" --version | cut -d' ' -f2)}
architecture=$(dpkg --print-architecture)
tree=$root/debian/xtream
docs=$tree/usr/share/doc/xtream

mkdir -p "$tree"
install -D -m 0755 "$program" "$tree/usr/bin/xtream"
strip "$tree/usr/bin/xtream"
install -D -m 0644 "$here/debian/xtream.service" "$tree/lib/systemd/system/xtream.service"
install -D -m 0644 "$here/debian/xtream.toml" "$tree/etc/xtream/xtream.toml"
install -D -m 0640 "$here/debian/xtream.env" "$tree/etc/xtream/xtream.env"
install -D -m 0644 "$here/../LICENSE" "$docs/copyright"
install -D -m 0644 "$here/../docs/operations.md" "$docs/operations.md"
install -D -m 0644 "$here/../cli/src/default.toml" "$docs/default.toml"
gzip -9n < "$here/../CHANGELOG.md" > "$docs/changelog.gz"

# Which of the system's libraries, and which versions of them, the program asks for.
printf 'Source: xtream\n\nPackage: xtream\nArchitecture: any\n' > "$root/debian/control"
depends=$(cd "$root" && dpkg-shlibdeps -O -edebian/xtream/usr/bin/xtream | sed -n 's/^shlibs:Depends=//p')
size=$(du -sk "$tree" | cut -f1)

install -d "$tree/DEBIAN"
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@DEPENDS@/$depends/" \
    -e "s/@INSTALLED_SIZE@/$size/" "$here/debian/control" > "$tree/DEBIAN/control"
install -m 0644 "$here/debian/conffiles" "$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 0755 "$here/debian/$script" "$tree/DEBIAN/$script"
done
(cd "$tree" && find etc lib usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum > DEBIAN/md5sums)
chmod 0644 "$tree/DEBIAN/md5sums"

package=$folder/xtream_${version}_$architecture.deb
dpkg-deb --root-owner-group "$@" --build "$tree" "$package" >&2
echo "$package"
