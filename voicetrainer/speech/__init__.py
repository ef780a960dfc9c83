"""What hears and speaks: each audio library behind one door."""
