ROOMS_mosaik-inspect := base crypto wire core store quic runtime cli
LIBS_mosaik-inspect := -lncursesw -ltinfo
