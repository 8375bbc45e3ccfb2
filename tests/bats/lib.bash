# lib.bash: what the bats tests share. Each test runs in a directory of its own, so that they may run side by side.
# shellcheck disable=SC2154 # run sets output, status, stderr
bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
MSK_BIN=$(realpath "${MSK_BIN:-$root/build/bin}")
MSK_VECTORS=$(realpath "${MSK_VECTORS:-$root/tests/vectors}")
PATH=$MSK_BIN:$PATH

setup() {
    mkdir "$BATS_TEST_TMPDIR/here"
    cd "$BATS_TEST_TMPDIR/here" || return
    unset NO_COLOR MOSAIK_CONTROL
    umask 077
}

# refuses STATUS TEXT COMMAND...: the command ends with this status, prints nothing, and complains in exactly these
# lines, each after the program's name.
refuses() {
    local expected_status=$1 text=$2
    shift 2
    run --separate-stderr "$@"
    assert_equal "$output" ""
    complains "$expected_status" "$text" "${1##*/}"
}

# complains STATUS TEXT PROGRAM: how the last run ended, and what it said on standard error.
complains() {
    assert_equal "$stderr" "$3: ${2//$'\n'/$'\n'$3: }"
    assert_equal "$status" "$1"
}

# answers TEXT COMMAND...: the command succeeds, prints exactly this text and complains of nothing.
answers() {
    local text=$1
    shift
    run --separate-stderr "$@"
    assert_equal "$stderr" ""
    assert_equal "$output" "$text"
    assert_equal "$status" 0
}

# noise BYTES: any bytes, the same each time
noise() {
    perl -e 'srand(7); binmode(STDOUT); syswrite(STDOUT, join "", map { chr(int(rand(256))) } 1 .. shift)' "$1"
}

# vectors FILE FILTER: what the jq filter says about each case of a vector file, tab separated.
vectors() {
    jq -r ".cases[] | $2 | @tsv" "$MSK_VECTORS/$1"
}
