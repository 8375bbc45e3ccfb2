ROOMS_mosaik-keygen := base crypto wire cli
