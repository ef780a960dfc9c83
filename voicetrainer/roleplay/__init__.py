"""What decides: pure rules from facts to decisions, without files, devices, clock or randomness."""
