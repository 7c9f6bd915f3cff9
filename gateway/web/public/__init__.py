"""What the public may reach without a key: a link that the gateway has signed is the key."""
