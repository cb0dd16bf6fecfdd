"""How fast the service is: beside what one would use instead, beside what is possible, and as it grows."""
