ROOMS_mosaik-keygen := base crypto wire core cli
