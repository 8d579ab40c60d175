"""What is trained and how: adapters, groups of parameters, unfreezing, standardised speech states."""
