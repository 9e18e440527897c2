#!/usr/bin/env bash
# rust-src.sh RUSTLIB: unpacks the standard library's sources of exactly the active compiler's version,
# from Debian's package rust-src, into RUSTLIB/src/rust/library.
#
# The package of the right version may be in another release than the machine's: apt gets its own
# configuration, lists and cache, so that nothing of the machine's changes and no root is needed.
source "$(dirname "$0")/lib.sh"

readonly lib="$1"
version="$(rustc --version | cut -d' ' -f2)"
readonly version
readonly keyring="/usr/share/keyrings/debian-archive-keyring.gpg"
readonly suites="trixie-backports trixie forky sid"

# The Debian mirror that the machine's own apt uses.
mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    grep -v '^ *#' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ' || true
}

has apt-get || die "the sources of Rust $version are needed: rustup component add rust-src"
mirror="$(mirror)"
[[ -n "$mirror" ]] || die "no Debian mirror in apt's sources; the sources of Rust $version are needed: rustup component add rust-src"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists,cache}/partial "$work/cache/archives/partial" "$work/none"
readonly apt_options=(
  -o "Dir::Etc::SourceList=$work/sources.list" -o "Dir::Etc::SourceParts=$work/none" -o Dir::Etc::Preferences=/dev/null -o "Dir::Etc::PreferencesParts=$work/none"
  -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=
  -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false
)

# The package's own version in the lists just fetched, e.g. 1.95.0+dfsg1-2~bpo13+1.
package_version() {
  apt-cache "${apt_options[@]}" madison rust-src | awk -v version="$version" 'index($3, version "+") == 1 { print $3; exit }'
}

for suite in $suites; do
  echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
  apt-get "${apt_options[@]}" update || continue
  package="$(package_version)"
  [[ -z "$package" ]] || break
done
[[ -n "${package:-}" ]] || die "Debian has no rust-src $version in $suites"

cd "$work" || exit
apt-get "${apt_options[@]}" download "rust-src=$package"
dpkg-deb --fsys-tarfile rust-src_*.deb | tar -x "./usr/src/rustc-$version/library"

# Into place in one move: other processes see all of it or nothing.
staged="$(mktemp -d "$lib/.rust-src.XXXXXX")"
mv "usr/src/rustc-$version/library" "$staged/library"
chmod 755 "$staged"
mkdir -p "$lib/src"
rm -rf "$lib/src/rust"
mv -T "$staged" "$lib/src/rust"
