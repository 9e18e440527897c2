#!/usr/bin/env bash
# Prints the folder with the libraries of libfiu, which make reads and writes of a program fail. Installs Debian's
# into .tools if there are none.
source "$(dirname "$0")/lib.sh"

readonly own="$tools/libfiu"

install_libfiu() {
  local sudo=()
  if ((EUID != 0)); then sudo=(sudo -n); fi
  "${sudo[@]}" apt-get update
  mkdir -p "$own/packages"
  (cd "$own/packages" && apt-get download fiu-utils libfiu0)
  local package
  for package in "$own"/packages/*.deb; do dpkg -x "$package" "$own/unpacked"; done
  find "$own/unpacked" \( -name 'libfiu.so.0*' -o -name 'libfiu.so.1*' -o -name 'fiu_*_preload.so' \) -exec cp -L {} "$own" \;
  [[ -e "$own/libfiu.so.0" && -e "$own/fiu_posix_preload.so" ]]
}

if [[ ! -e "$own/fiu_posix_preload.so" ]]; then
  has apt-get || die "the tests need libfiu from Debian"
  step libfiu "install libfiu" install_libfiu >&2
fi
say "$own"
