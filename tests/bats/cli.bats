#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr, lib.bash sets root
# What all programs have in common: help, mistakes, configuration files, output that cannot be written, completion.
load lib

programs() { basename -a "$MSK_BIN"/mosaik-*; }

@test "every program has help, with examples at its end, and a version" {
    local program
    for program in $(programs); do
        run --separate-stderr "$program" --help
        assert_success
        assert_equal "$stderr" ""
        assert_regex "${lines[0]}" "^Usage: $program "
        assert_line "Examples:"
        answers "$program $(cat "$root/VERSION")" "$program" --version
    done
}

@test "every command has help, with examples at its end" {
    local program command
    for program in $(programs); do
        while read -r command; do
            # shellcheck disable=SC2086 # a command may be two words
            run --separate-stderr "$program" $command --help
            assert_success
            assert_regex "${lines[0]}" "^Usage: $program $command "
            assert_line "Examples:"
        done < <("$program" --help | sed -n '/^Commands:/,/^$/ s/^  \([a-z][a-z-]*\( [a-z-]*\)\{0,1\}\)  .*/\1/p')
    done
}

@test "no command, no such command, no such option" {
    refuses 2 $'no command given\nsee "mosaik-keygen --help"' mosaik-keygen
    refuses 2 $'"secrte": no such command\ndid you mean secret?' mosaik-keygen secrte
    refuses 2 $'"--groupkey": no such option\ndid you mean --group-key?' mosaik-keygen group-id --groupkey x
    refuses 2 $'"--xyzzy": no such option\nsee "mosaik-keygen secret --help"' mosaik-keygen secret --xyzzy
    refuses 2 $'"--json": no such option before a command\ngive it after the command' mosaik-keygen --json secret
    refuses 2 $'NAME: missing: the network\'s name; 64 hex digits stand for themselves\nsee "mosaik-keygen network-id --help"' \
        mosaik-keygen network-id
    refuses 2 $'--network: its value is missing: NAME\nsee "mosaik-keygen group-id --help"' mosaik-keygen group-id --network
    refuses 2 $'--explain: takes no value\nsee "mosaik-keygen group-id --help"' mosaik-keygen group-id --explain=1
}

@test "values of the wrong type" {
    local hint=$'\nsee "mosaik-keygen group-id --help"'
    refuses 2 "--heartbeat-interval: \"500\" is no time span: give a number and ms, s, m, h or d$hint" \
        mosaik-keygen group-id --heartbeat-interval 500
    refuses 2 "--max-missed-heartbeats: \"4294967296\" is more than 4294967295$hint" \
        mosaik-keygen group-id --max-missed-heartbeats 4294967296
    refuses 2 "--members: \"-1\" is no whole number$hint" mosaik-keygen group-id --members -1
}

@test "control characters of the input do not reach the terminal" {
    run mosaik-keygen network-id x $'\e[2Jevil\n'
    assert_failure 2
    refute_output --partial $'\e'
    assert_line --index 0 'mosaik-keygen: "\x1b[2Jevil\x0a": one argument too many for network-id'
}

@test "configuration files that are wrong are refused with the place" {
    local config='mosaik-keygen group-id --group-key x --config'
    refuses 3 "absent.json: No such file or directory" $config absent.json
    mkdir dir
    refuses 3 "dir: Is a directory" $config dir
    echo '{"machine" "noop"}' >syntax.json
    refuses 2 $'syntax.json: line 1, column 17: \':\' expected near \'"noop"\'\nsee "mosaik-keygen group-id --help"' \
        $config syntax.json
    echo '{"machin": "noop"}' >unknown.json
    refuses 2 $'unknown.json: "machin": no such option\ndid you mean "machine"?' $config unknown.json
    echo '{"heartbeat_interval": 500}' >type.json
    refuses 2 $'type.json: "heartbeat_interval": wrong type: expected a text\nsee "mosaik-keygen group-id --help"' \
        $config type.json
    echo '{"members": 1e9}' >real.json
    refuses 2 $'real.json: "members": wrong type: expected a whole number\nsee "mosaik-keygen group-id --help"' \
        $config real.json
    : >empty.json
    run --separate-stderr $config empty.json
    assert_failure 2
    head -c 2000000 /dev/zero >huge.json
    refuses 2 $'huge.json: larger than 1048576 bytes\nsee "mosaik-keygen group-id --help"' $config huge.json
    printf '\377\000\201{}' >binary.json
    run --separate-stderr $config binary.json
    assert_failure 2
    assert_regex "$stderr" '^mosaik-keygen: binary.json: line 1, column '
}

@test "output that cannot be written is an error" {
    run bash -c 'mosaik-inspect code 2>&1 >/dev/full'
    assert_failure 3
    assert_output "mosaik-inspect: standard output: No space left on device"
    run bash -c 'mosaik-keygen network-id x 2>&1 >&-'
    assert_failure 3
    assert_output "mosaik-keygen: standard output: Bad file descriptor"
}

@test "a closed standard output does not become the key file" {
    run bash -c 'mosaik-keygen secret --output node.key --json 2>&1 >&-'
    assert_failure 3
    assert_equal "$(wc -c <node.key)" 65
}

@test "a reader that goes away is no failure" {
    # shellcheck disable=SC2016 # for the inner shell
    run bash -c 'set -o pipefail; (sleep 0.1; mosaik-inspect code; echo $? >status) | true; cat status'
    assert_success
    assert_output 0
}

@test "options come from the command line, then the file" {
    echo '{"network": "from-file"}' >c.json
    run --separate-stderr mosaik-keygen group-id --group-key x --config c.json --json
    assert_equal "$(jq -r .network_id <<<"$output")" "$(mosaik-keygen network-id from-file)"
    run --separate-stderr mosaik-keygen group-id --group-key x --config c.json --json --network given
    assert_equal "$(jq -r .network_id <<<"$output")" "$(mosaik-keygen network-id given)"
}

# complete WORD...: what bash offers for the last word.
complete_words() {
    bash -c 'eval "$("$0" --completion bash)"; COMP_WORDS=("$0" "$@"); COMP_CWORD=$#
        "_${0//-/_}"; printf "%s\n" "${COMPREPLY[@]}"' mosaik-keygen "$@"
}

@test "bash completes commands, options, and values" {
    assert_equal "$(complete_words gr | xargs)" "group-key group-id"
    assert_equal "$(complete_words group-id --group-key | xargs)" \
        "--group-key-file --group-key --group-key-from-validator"
    assert_equal "$(complete_words issuer ES256 --format '' | xargs)" "jwk pem hex"
    assert_equal "$(complete_words issuer ES256 --format = p | xargs)" pem
    assert_equal "$(complete_words issuer ES | xargs)" "ES256 ES384 ES512"
    assert_equal "$(complete_words group-id --members '' | xargs)" ""
    touch my.key
    assert_equal "$(complete_words peer-id my | xargs)" my.key
    assert_equal "$(complete_words secret --output my | xargs)" my.key
}

@test "completion scripts are free of mistakes" {
    local program
    for program in $(programs); do
        "$program" --completion bash >bash_script
        bash -n bash_script
        "$program" --completion zsh >zsh_script
        assert_equal "$(head -n 1 zsh_script)" "#compdef $program"
        ! command -v zsh >/dev/null || zsh -n zsh_script
    done
}
