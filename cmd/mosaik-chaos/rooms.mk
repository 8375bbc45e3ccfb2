ROOMS_mosaik-chaos := base crypto wire quic proxy runtime cli
