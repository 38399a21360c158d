"""A third party's distribution that extends plurel everywhere."""
