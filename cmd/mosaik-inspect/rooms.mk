ROOMS_mosaik-inspect := base crypto wire core quic runtime cli
