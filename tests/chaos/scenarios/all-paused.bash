# Nothing gets through for longer than bonds live, and then everything at once.
begin
mark
for name in "${MEMBERS[@]}"; do
    mosaik-chaos pause "$name"
done
loses_bond "${MEMBERS[@]}"
stuck "${MEMBERS[@]}"
for name in "${MEMBERS[@]}"; do
    mosaik-chaos resume "$name"
done
recovers "${MEMBERS[@]}"
