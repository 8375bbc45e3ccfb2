# Sections EVENTS and EVENT FIELDS of the manual: `events.awk fields.txt events.def SOURCE...`. The first file tells what
# each field means; fields are those that sentences name and those that sources give to an event, MSK_F_KIND("name", ...).
function plain(text) {
    gsub(/[*_<>#~`]/, "\\\\&", text)
    return text
}
FNR == 1 { file++ }
file == 1 && NF {
    name = $1
    sub(/^[^ ]+ +/, "")
    order[++known] = name
    meaning[name] = $0
    next
}
# "/* bonds */" alone on a line begins a part.
file == 2 && /^\/\* [^:]* \*\/$/ { part = substr($0, 4, length($0) - 6) }
file == 2 && /^X\(/ {
    split(substr($0, 3), head, /, */)
    sentence = substr($0, index($0, "\"") + 1)
    sub(/"\)$/, "", sentence)
    if (part) events = events "## About " part "\n\n"
    part = ""
    events = events "*" plain(tolower(head[1])) "* (" tolower(head[2]) ")\n\t" plain(sentence) "\n\n"
    while (match(sentence, /[{][a-z0-9_]+[}]/)) {
        used[substr(sentence, RSTART + 1, RLENGTH - 2)] = FILENAME
        sentence = substr(sentence, RSTART + RLENGTH)
    }
}
file > 2 {
    while (match($0, /MSK_F_[A-Z0-9]+[(]"[a-z0-9_]+"/)) {
        name = substr($0, RSTART, RLENGTH - 1)
        sub(/.*"/, "", name)
        used[name] = FILENAME
        $0 = substr($0, RSTART + RLENGTH)
    }
}
END {
    printf "# EVENTS\n\n%s# EVENT FIELDS\n\n", events
    for (i = 1; i <= known; i++)
        if (order[i] in used)
            printf "*%s*\n\t%s.\n\n", plain(order[i]), plain(meaning[order[i]])
    for (name in used)
        if (!(name in meaning)) {
            print "docs/man/fields.txt: nothing about \"" name "\", a field of an event in " used[name] >"/dev/stderr"
            failed = 1
        }
    exit failed
}
