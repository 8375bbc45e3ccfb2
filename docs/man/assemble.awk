# Put sections into a page: a line @NAME@ of the last file stands for section "# NAME" of the files before it.
FNR == 1 { file++ }
file < ARGC - 1 {
    if (/^# /) name = substr($0, 3)
    sections[name] = sections[name] $0 "\n"
    next
}
/^@.*@$/ {
    name = substr($0, 2, length($0) - 2)
    if (!(name in sections)) {
        print FILENAME ": there is no section " name >"/dev/stderr"
        failed = 1
    }
    printf "%s", sections[name]
    next
}
{ print }
END { exit failed }
