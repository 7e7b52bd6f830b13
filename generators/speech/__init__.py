"""Speech: a plan of each turn, a voice that is a card of parameters, a back-end, and emotion on top of it."""
