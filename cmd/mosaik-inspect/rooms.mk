ROOMS_mosaik-inspect := base crypto wire cli
