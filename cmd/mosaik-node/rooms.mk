ROOMS_mosaik-node := base crypto wire core store quic runtime cli
