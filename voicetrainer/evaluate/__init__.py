"""How well the program hears, measured on recordings and utterances with known answers."""
