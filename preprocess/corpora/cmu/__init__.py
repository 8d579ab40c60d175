"""What CMU-MOSI and CMU-MOSEI share."""
