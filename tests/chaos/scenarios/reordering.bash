# A third of all datagrams is overtaken by others.
links='[{"from":"*","to":"*","delay":"2ms","reorder":"0.3:20ms"}]'
begin
works "${MEMBERS[@]}"
