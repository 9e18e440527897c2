#!/usr/bin/env bash
# style.sh OUTPUT: writes the style sheets of style/ into one file, in the order in which style/main.css
# imports them, minified when lightningcss is at hand.
source "$(dirname "$0")/lib.sh"

readonly output="$1"
readonly lightningcss="$tools/site/node_modules/.bin/lightningcss"

bundle() {
  local line
  while IFS= read -r line || [[ -n "$line" ]]; do
    if [[ "$line" =~ ^@import\ \"([^\"]+)\"\;$ ]]; then
      cat "style/${BASH_REMATCH[1]}"
    elif [[ "$line" == *@import* ]]; then
      die "style/main.css: not of the form @import \"file.css\"; : $line"
    else
      printf '%s\n' "$line"
    fi
  done <style/main.css
}

mkdir -p "$(dirname "$output")"
bundle >"$output.all"
if [[ -x "$lightningcss" ]]; then
  "$lightningcss" --minify "$output.all" --output-file "$output.new"
  rm "$output.all"
else
  mv "$output.all" "$output.new"
fi
mv "$output.new" "$output"
