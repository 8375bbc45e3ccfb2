ROOMS_mosaik-ticket := base crypto wire cli
