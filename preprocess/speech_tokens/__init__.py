"""Speech as discrete codes, in many processes and after a kill."""
