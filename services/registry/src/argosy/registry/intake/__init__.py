"""Every byte from outside is judged here, as it streams, in bounded memory."""
