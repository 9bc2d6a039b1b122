"""How an attack acts on what a layer gives: maps side by side, and distances along the network."""
