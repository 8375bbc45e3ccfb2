#!/usr/bin/env bash
# A state machine for --machine exec: adds up numbers. A command is a whole number of up to nine digits, so that neither jq
# nor the shell ever loses one; any other changes nothing. A query is anything. It needs jq, which is asked once a line;
# mosaik-formats(5) describes the lines.
total=0

while IFS= read -r line; do # ends when the node does
    IFS=$'\t' read -r id verb number < <(jq -r '[.id, .do, (if .do == "restore" then .state // 0
        else [.entries[]?.command | numbers | select(. == floor and fabs < 1e9)] | add // 0 end)] | @tsv' <<<"$line")
    case $verb in
    restore)
        total=$number
        echo "{\"id\":$id}"
        ;;
    apply)
        total=$((total + number))
        echo "{\"id\":$id}"
        ;;
    query) echo "{\"id\":$id,\"result\":$total}" ;;
    snapshot) echo "{\"id\":$id,\"state\":$total}" ;;
    esac
done
