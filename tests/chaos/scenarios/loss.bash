# A fifth of all datagrams is lost, from the start.
links='[{"from":"*","to":"*","drop":0.2}]'
begin
works "${MEMBERS[@]}"
