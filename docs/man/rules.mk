# Manual pages and completion scripts. What they say about options comes from the programs themselves, what they say about
# events from lib/core/events.def: neither can drift.
MAN_SOURCES := $(wildcard docs/man/*.scd)
MAN_PAGES   := $(MAN_SOURCES:docs/man/%.scd=$(BUILD)/man/%)
COMPLETIONS := $(PROGRAMS:%=$(BUILD)/completion/bash/%) $(PROGRAMS:%=$(BUILD)/completion/zsh/_%)

.PHONY: man completion install-docs
man: $(MAN_PAGES)
completion: $(COMPLETIONS)

# A page with the sections that the program prints about itself.
$(BUILD)/man/%.1: docs/man/%.1.scd docs/man/sections.txt docs/man/assemble.awk $(BUILD)/bin/%
	@mkdir -p $(@D)
	@$(BUILD)/bin/$* --man-options >$@.sections
	@awk -f docs/man/assemble.awk $@.sections docs/man/sections.txt $< >$@.scd
	$(call run,MAN,scdoc <$@.scd >$@)

EVENT_SOURCES := docs/man/fields.txt lib/core/events.def $(wildcard lib/*/*.c)
$(BUILD)/man/mosaik-formats.5: docs/man/mosaik-formats.5.scd docs/man/events.awk docs/man/assemble.awk $(EVENT_SOURCES)
	@mkdir -p $(@D)
	@awk -f docs/man/events.awk $(EVENT_SOURCES) >$@.sections
	@awk -f docs/man/assemble.awk $@.sections docs/man/sections.txt $< >$@.scd
	$(call run,MAN,scdoc <$@.scd >$@)

$(BUILD)/man/%.7: docs/man/%.7.scd docs/man/sections.txt docs/man/assemble.awk
	@mkdir -p $(@D)
	@awk -f docs/man/assemble.awk docs/man/sections.txt $< >$@.scd
	$(call run,MAN,scdoc <$@.scd >$@)

$(BUILD)/completion/bash/%: $(BUILD)/bin/%
	@mkdir -p $(@D)
	$(call run,BASH,$< --completion bash >$@)

$(BUILD)/completion/zsh/_%: $(BUILD)/bin/%
	@mkdir -p $(@D)
	$(call run,ZSH,$< --completion zsh >$@)

install-docs: man completion
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man7
	install -m 644 $(filter %.1,$(MAN_PAGES)) $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(filter %.5,$(MAN_PAGES)) $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 $(filter %.7,$(MAN_PAGES)) $(DESTDIR)$(PREFIX)/share/man/man7
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	install -m 644 $(BUILD)/completion/bash/* $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 644 $(BUILD)/completion/zsh/* $(DESTDIR)$(PREFIX)/share/zsh/site-functions
