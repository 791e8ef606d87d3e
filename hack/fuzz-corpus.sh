#!/usr/bin/env bash
# Commits what fuzzing has learned: of the inputs that go keeps in its cache, it puts the few that together cover the
# most into testdata/fuzz of their package, beside the seeds that have a name. There they are part of every test
# run. Inputs of an earlier run that add nothing any more are removed.
#
#   hack/fuzz-corpus.sh [TARGET...]
#
#   CORPUS_FILES=15       how many inputs a target has at most
#   CORPUS_BYTES=4096     how large an input is at most
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$REPO_DIR"

files=${CORPUS_FILES:-15} bytes=${CORPUS_BYTES:-4096}
cache=$(go env GOCACHE)/fuzz
work=$(mktemp -d)
room=
cleanup() { rm -rf "$work" ${room:+"$room"}; }
trap cleanup EXIT

# An input that go has made is named after its hash.
generated() { [ ! -d "$1" ] || find "$1" -maxdepth 1 -type f -size "-$((bytes + 1))c" -regextype egrep -regex '.*/[0-9a-f]{16}'; }

# furnish makes a directory in which a package's test finds its files, but of the target's inputs none that go has
# made. It is a neighbour of the package's, for paths that lead out of there.
furnish() {
  local directory=$1 target=$2 path
  room=$(mktemp -d "$(dirname "$directory")/.fuzz-corpus-XXXXXX")
  mkdir -p "$room/testdata/fuzz/$target"
  for path in "$directory"/* "$directory"/testdata/* "$directory"/testdata/fuzz/*; do
    local place=$room/${path#"$directory"/}
    [ ! -e "$path" ] || [ -e "$place" ] || ln -s "$path" "$place"
  done
  find "$directory/testdata/fuzz/$target" -maxdepth 1 -type f -exec cp {} "$room/testdata/fuzz/$target/" \; 2>/dev/null || true
  generated "$room/testdata/fuzz/$target" | xargs -r rm
}

# covered runs what PATTERN selects and writes which blocks of code it comes to, and how often, in powers of two.
covered() {
  local pattern=$1 to=$2
  if ! (cd "$room" && "$work/test" -test.run "$pattern" -test.coverprofile "$to.profile" >"$to.log" 2>&1); then
    cat "$to.log" >&2
    return 1
  fi
  awk 'NR > 1 && $NF > 0 { bucket = int(log($NF) / log(2)); print $1, 0; if (bucket) print $1, bucket }' "$to.profile" >"$to"
  rm -f "$to.profile" "$to.log"
}

# best prints the inputs that add most to what the seeds cover, the best first: a block that nothing else comes to
# counts ten times as much as one that is come to more often.
best() {
  (cd "$work/coverage" && awk -v files="$files" '
    FILENAME == "seeds" { known[$0]; next }
    FNR == 1 { name[++inputs] = FILENAME }
    !($0 in known) { adds[inputs, ++count[inputs]] = $0 }
    END {
      while (chosen < files) {
        most = 0
        for (i = 1; i <= inputs; i++) {
          gain = 0
          for (j = 1; j <= count[i]; j++)
            if (!(adds[i, j] in known)) gain += adds[i, j] ~ / 0$/ ? 10 : 1
          if (gain > most) { most = gain; winner = i }
        }
        if (!most) break
        for (j = 1; j <= count[winner]; j++) known[adds[winner, j]]
        print name[winner]
        chosen++
      }
    }' seeds ${1:+"$@"})
}

# choose selects the inputs of one target and puts them where they belong.
choose() {
  local package=$1 target=$2 directory input names=()
  directory=$(go list -f '{{.Dir}}' "$package")
  rm -rf "$work/coverage" "$work/inputs"
  mkdir -p "$work/coverage" "$work/inputs"
  { generated "$cache/$package/$target"; generated "$directory/testdata/fuzz/$target"; } |
    while read -r input; do cp "$input" "$work/inputs/"; done
  furnish "$directory" "$target"
  covered "^$target\$" "$work/coverage/seeds" || die "$target fails with its seeds"
  # The smaller of two that add the same comes first.
  while read -r input; do
    cp "$work/inputs/$input" "$room/testdata/fuzz/$target/"
    covered "^$target\$/^$input\$" "$work/coverage/$input" ||
      die "$target fails with $input: repair that, and keep it under a name that tells what it is"
    rm "$room/testdata/fuzz/$target/$input"
    names+=("$input")
  done < <(find "$work/inputs" -type f -printf '%s %f\n' | sort -n | cut -d' ' -f2)
  rm -rf "$room"
  room=
  generated "$directory/testdata/fuzz/$target" | xargs -r rm
  best "${names[@]}" >"$work/chosen"
  mkdir -p "$directory/testdata/fuzz/$target"
  while read -r input; do cp "$work/inputs/$input" "$directory/testdata/fuzz/$target/"; done <"$work/chosen"
  rmdir "$directory/testdata/fuzz/$target" "$directory/testdata/fuzz" "$directory/testdata" 2>/dev/null || true
  say "$target of $package: $(wc -l <"$work/chosen") of ${#names[@]} inputs"
}

built=
while read -r package target; do
  if [ $# -gt 0 ] && [[ " $* " != *" $target "* ]]; then continue; fi
  if [ "$package" != "$built" ]; then
    go test -c -cover -covermode count -coverpkg ./internal/... -o "$work/test" "$package"
    built=$package
  fi
  choose "$package" "$target"
done < <("$HACK_DIR/fuzz.sh" --list)
